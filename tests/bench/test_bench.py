"""`moodmill bench` measures real processes, and every way gives the same numbers."""

import importlib
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from moodmill.bench import null_model
from moodmill.bench.comparison import Comparison
from moodmill.bench.figures import Figures
from moodmill.bench.host import HOST_COMMENTS, Host, describe_host, first_wall
from moodmill.bench.machine import instructions
from moodmill.bench.openvino import require_instructions
from moodmill.bench.peers import PEERS
from moodmill.bench.report import as_json
from moodmill.bench.sample import read_comments, repeated, write_dump
from moodmill.bench.spending import cpu_seconds
from moodmill.bench.stages import forward_flops, padding
from moodmill.bench.verdict import rate_before, verdict
from moodmill.bench.whole import WHOLE
from moodmill.cli.commands.bench import show
from moodmill.db.core.errors import SourceError
from moodmill.worker.inference.repository import find_model
from moodmill.worker.inference.tokens import Segment
from moodmill.worker.runtime import processor
from tests.support import moodmill_here
from tests.support import write_dump as dump_of
from tests.worker.builders import TEXTS, plain_probabilities, settings_for


@pytest.mark.parametrize("name", [name for name in PEERS if "Ray" not in name])
def test_a_peer_gives_what_plain_transformers_gives(name: str, tiny_model: Path) -> None:
    if "ONNX" in name:
        pytest.importorskip("onnxruntime")
        pytest.importorskip("onnx")
    if "OpenVINO" in name:
        pytest.importorskip("openvino")
        needed = {"int8": {"VNNI", "AMX"}, "bf16": {"bf16"}}[name.split()[1].rstrip(",")]
        if "int8" in name:
            pytest.importorskip("nncf")
        if not needed & {*instructions()}:
            with pytest.raises(RuntimeError, match="this processor"):
                PEERS[name](find_model(settings_for(tiny_model)), torch.device("cpu"))
            return
    texts = [*TEXTS, "", "thanks " * 500]
    found = PEERS[name](find_model(settings_for(tiny_model)), torch.device("cpu"))(texts)
    assert found.shape == (len(texts), 27)
    tolerance = 0.5 if "int8" in name else 0.05 if "bf16" in name else 1e-4  # int8 is known to differ
    np.testing.assert_allclose(found, plain_probabilities(tiny_model, texts), atol=tolerance, rtol=0)


def test_a_precision_that_the_processor_does_not_multiply_in_is_unmeasured() -> None:
    require_instructions(["VNNI"], int8=True)
    require_instructions(["AMX"], int8=True)
    require_instructions(["bf16"], int8=False)
    with pytest.raises(RuntimeError, match="neither VNNI nor AMX: sums of products of int8 would saturate"):
        require_instructions(["bf16"], int8=True)
    with pytest.raises(RuntimeError, match="does not multiply in bf16"):
        require_instructions(["VNNI"], int8=False)


def test_every_stage_and_the_whole_way_are_measured(tiny_model: Path, tmp_path: Path) -> None:
    dump = dump_of(tmp_path / "RC_x", [f"i love this {number}" for number in range(30)])
    command = ("bench", dump, "--comments", "50", "--against", "loop, batch 8", "--model", tiny_model)
    done = moodmill_here(*command, "--json", "--picture", "bench.png", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    results = {one["name"]: one for one in found["results"]}
    of_the_host = ["read", "messages", "write", "whole way without a model"]
    of_the_model = ["tokenize", "language", "batch", "forward", "whole way", "loop, batch 8"]
    assert {*results} == {*of_the_host, *of_the_model}
    for name, one in results.items():
        assert one["comments"] == (HOST_COMMENTS if name in of_the_host else 50)
        assert one["comments_per_second"] == pytest.approx(one["comments"] / one["seconds"])
        assert name == "loop, batch 8" or one["cpu_seconds"] > 0
    host = found["host"]
    assert host["reading"] + host["messages"] + host["rows"] < host["rest"] == results[of_the_host[-1]]["cpu_cost"]
    assert host["tokenizer"] > results["tokenize"]["cpu_cost"]
    assert host["servers"] > 0
    assert results["forward"]["tokens"] == results["tokenize"]["tokens"] > 50 * 5
    assert results["forward"]["padding"] < 0.2
    assert results["forward"]["difference"] < 1e-4
    assert all(results[name]["memory_mib"] > 100 for name in ("forward", "whole way", "loop, batch 8"))
    # Which of the two is more is a matter of what else runs beside the tests.
    assert results["forward"]["flops"] > 0
    assert found["product_flops"] > 0
    assert results["loop, batch 8"]["difference"] < 1e-4
    for name in ("forward", "loop, batch 8"):
        assert 0 <= results[name]["mean_difference"] <= results[name]["difference"]
    assert {results[name]["engine"] for name in ("forward", "whole way")} == {"openvino cpu fp32"}
    assert found["load"] >= 0
    assert found["spread"] >= 0
    said = " ".join(found["verdict"])
    for part in ("the best peer's forward pass (loop, batch 8)", "host CPU for 10,000 comments", "comes first"):
        assert part in said
    assert found["machine"]["processor"]
    assert (tmp_path / "bench.png").read_bytes().startswith(b"\x89PNG")


def test_the_way_without_a_model_is_measured_into_a_store_that_is_named(postgres_url: str, tmp_path: Path) -> None:
    command = ("bench", "--null-model", "1", "--comments", "1000", "--workers", "2", "--into", postgres_url)
    done = moodmill_here(*command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "whole way without a model, 2 workers" in done.stdout
    again = moodmill_here("run", "list", "--json", cwd=tmp_path, settings={"DATABASE_URL": postgres_url})
    assert json.loads(again.stdout)[0]["classified"] == 1_000


def test_the_null_model_is_in_the_worker_alone_not_where_it_is_imported() -> None:
    loader = processor.load_classifier  # type: ignore[attr-defined]
    importlib.reload(null_model)
    assert processor.load_classifier is loader  # type: ignore[attr-defined]


def figures(name: str, rate: float) -> Figures:
    return Figures(name=name, comments=100, seconds=100 / rate)


def test_the_verdict_names_the_ratios_and_a_machine_that_was_busy() -> None:
    results = [figures("forward", 400), figures(WHOLE, 300), *map(figures, [*PEERS][:2], (200, 600))]
    *ratios, busy = verdict(Comparison(results=[*results], load=0.1, spread=0.06), before=150)
    assert [line.split(" of ")[0] for line in ratios] == [
        "the whole way runs at 0.75",
        "the whole way runs at 0.50",
        "the whole way runs at 2.00",
    ]
    assert [*PEERS][1] in ratios[1]
    assert "load 0.10 before anything was measured, and two forward passes were 6.0% apart" in busy
    assert [*verdict(Comparison(results=[], load=0.3, spread=0.05))] == []
    assert "not quiet" in next(iter(verdict(Comparison(results=[], load=0.31))))


def test_the_host_s_time_is_told_by_its_parts_and_the_lowest_wall_comes_first() -> None:
    host = Host(tokenizer=0.6, rest=0.9, reading=0.1, messages=0.2, rows=0.3, servers=0.05, cores=3)
    assert host.rate == pytest.approx(20_000)
    assert "apart from the model: 1.50 s; of these tokenizer 0.60, all else 0.90" in describe_host(host)
    assert "what is between 0.30)" in describe_host(host)
    assert first_wall({"the device": 50_000, "the host's CPU": host.rate, "the store": 70_000}).endswith(
        "; the host's CPU comes first"
    )


#: Computes for half a second, says so, and waits to be killed.
BURN = """
import time
while time.process_time() < 0.5: pass
print(flush=True)
input()
"""


def test_processor_time_of_a_process_is_told_with_that_of_its_children() -> None:
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BURN!r}])"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        assert 0.5 <= cpu_seconds([process.pid]) < 60
        assert process.stdin
        process.stdin.close()
    assert math.isnan(cpu_seconds([process.pid]))


def test_a_whole_way_before_is_read_from_what_was_printed_then(tmp_path: Path) -> None:
    printed = tmp_path / "before.json"
    printed.write_text(json.dumps(as_json(Comparison(results=[figures(WHOLE, 250)], load=0), {})))
    assert rate_before(printed, 100) == 250
    done = moodmill_here("bench", "--before", printed, cwd=tmp_path)
    assert "has the whole way of 100 comments: give --comments 100" in done.stderr
    printed.write_text('{"results": []}')
    done = moodmill_here("bench", "--before", printed, cwd=tmp_path)
    assert done.returncode == 1
    assert "expected what `moodmill bench --json` prints" in done.stderr


def test_no_cell_of_the_table_is_cut_off(capsys: pytest.CaptureFixture[str]) -> None:
    every: dict[str, Any] = {
        "engine": "torch cuda:0 bf16",
        "tokens": 10**8,
        "padding": 0.123,
        "fill": 0.987,
        "flops": 1e12,
    }
    every |= {"difference": 0.1234, "mean_difference": 0.0123, "cpu_seconds": 12.5, "memory_mib": 12_345}
    results = [Figures(name=name, comments=10**6, seconds=1, **every) for name in ("whole way without a model", *PEERS)]
    show(Comparison(results=[*results], load=0, product_flops=2e12))
    said = capsys.readouterr().out
    assert "…" not in said
    assert "12,345" in said


def test_an_unknown_peer_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    done = moodmill_here("bench", "--against", "abacus", cwd=tmp_path)
    assert done.returncode == 2
    assert "expected one of all, pipeline, batch 32" in done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--null-model", "0", "--against", "all"), "leave out --against, --before and --picture"),
        (("--picture", "bench.txt"), "expected a name that ends in .png or .svg"),
    ],
)
def test_what_could_not_be_shown_is_refused_before_it_is_measured(
    options: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    done = moodmill_here("bench", *options, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr


def test_a_source_without_comments_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="holds no comments"):
        read_comments(dump_of(tmp_path / "RC_x", ["[deleted]"]), 10)


def test_texts_are_repeated_with_new_ids_and_a_number(tmp_path: Path) -> None:
    comments = read_comments(dump_of(tmp_path / "RC_x", ["one", "two", "three"]), 2)
    write_dump(tmp_path / "RC_more", repeated(comments, 5))
    again = read_comments(tmp_path / "RC_more", 9)
    assert [one.text for one in again] == ["one", "two", "1 one", "1 two", "2 one"]
    assert len({one.id for one in again}) == 5


def test_padding_is_what_a_batch_holds_besides_its_texts() -> None:
    texts = [Segment([1] * length) for length in (4, 2, 3)]
    assert padding([texts[:2], texts[2:]]) == pytest.approx(2 / 11)


def test_the_forward_pass_of_bert_base_costs_170_mflop_a_token() -> None:
    from transformers import BertConfig

    assert forward_flops(BertConfig(), [1]) == pytest.approx(170e6, rel=0.01)


def test_a_last_layer_for_first_tokens_only_costs_less() -> None:
    from transformers import BertConfig

    of_base = BertConfig(num_hidden_layers=1, hidden_size=2, intermediate_size=3)
    # 3 maps of 2 x 2 for 5 tokens, one more and 2 of 2 x 3 for each that goes on, 2 products over the pairs of tokens
    assert forward_flops(of_base, [2, 3]) == 2 * (12 * 5 + 16 * 5 + 2 * 2 * (4 + 9))
    assert forward_flops(of_base, [2, 3], only_first=True) == 2 * (12 * 5 + 16 * 2 + 2 * 2 * (2 + 3))
