"""Compiled graphs are kept: a later start needs neither weights nor torch, and nothing damaged is believed."""

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from moodmill.worker.core.openvino import Graph, silent_openvino
from moodmill.worker.inference import compiled
from moodmill.worker.inference.compiled import GraphCache
from tests.support import clean_environment

OPTIONS = {"NUM_STREAMS": 1, "INFERENCE_NUM_THREADS": 1}


def doubling() -> Graph:
    """A graph that doubles what it is given."""
    ov = silent_openvino()
    op = __import__("openvino.opset13", fromlist=["opset13"])
    given = op.parameter([-1], ov.Type.f32, name="x")
    return ov.Model([op.result(op.multiply(given, op.constant(np.float32(2))))], [given], "doubling")


def never() -> Graph:
    raise AssertionError("made again")


def doubled(cache: Path, made_of: str = "x", make: Callable[[], Graph] = doubling) -> float:
    found = GraphCache(cache).compiled(made_of, make, OPTIONS)
    return float(found([np.array([21], dtype=np.float32)])[0][0])


def files(cache: Path) -> list[Path]:
    return sorted(cache.glob("*.graph"), key=lambda path: path.stat().st_mtime)


def test_what_was_compiled_once_is_taken_from_the_folder(tmp_path: Path) -> None:
    assert doubled(tmp_path / "cache") == doubled(tmp_path / "cache", make=never) == 42


def test_another_graph_or_another_processor_has_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    doubled(tmp_path)
    with pytest.raises(AssertionError, match="made again"):
        doubled(tmp_path, "y", make=never)
    monkeypatch.setattr(compiled, "instructions", lambda: frozenset({"avx2"}))
    with pytest.raises(AssertionError, match="made again"):
        doubled(tmp_path, make=never)


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: whole[:-100],
        lambda _: b"",
        lambda whole: b"x" * len(whole),
        lambda whole: whole[:200] + bytes([whole[200] ^ 1]) + whole[201:],
    ],
)
def test_a_damaged_file_is_told_and_made_anew(
    damage: Callable[[bytes], bytes], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    doubled(tmp_path)
    [path] = files(tmp_path)
    path.write_bytes(damage(path.read_bytes()))
    assert doubled(tmp_path) == 42
    assert "cannot be read, making it anew" in caplog.text
    assert doubled(tmp_path, make=never) == 42


def test_a_folder_that_cannot_be_written_costs_time_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    assert doubled(tmp_path / "file" / "cache") == 42
    assert "cannot be kept" in caplog.text


def test_what_was_not_used_for_longest_goes_where_there_are_too_many(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "MAX_FILES", 2)
    doubled(tmp_path, "first")
    doubled(tmp_path, "second")
    for age, path in enumerate(reversed(files(tmp_path))):
        os.utime(path, (1_000 - age, 1_000 - age))
    doubled(tmp_path, "first", make=never)  # used last
    doubled(tmp_path, "third")
    assert len(files(tmp_path)) == 2
    assert doubled(tmp_path, "first", make=never) == doubled(tmp_path, "third", make=never) == 42


def test_what_was_not_used_for_longest_goes_where_it_is_too_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    doubled(tmp_path, "first")
    monkeypatch.setattr(compiled, "MAX_BYTES", files(tmp_path)[0].stat().st_size + 10)
    doubled(tmp_path, "second")
    assert len(files(tmp_path)) == 1
    assert doubled(tmp_path, "second", make=never) == 42


def test_processes_that_compile_at_once_leave_one_whole_file(tmp_path: Path) -> None:
    program = f"from pathlib import Path\nfrom {__name__} import doubled\nprint(doubled(Path('cache')))"
    with ExitStack() as stack:
        several = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", program], cwd=tmp_path, env=clean_environment(), stdout=subprocess.PIPE
                )
            )
            for _ in range(3)
        ]
        for one in several:
            stack.callback(one.kill)
        assert [one.communicate(timeout=120)[0] for one in several] == [b"42.0\n"] * 3
    tmp_path /= "cache"
    assert [path.suffix for path in tmp_path.iterdir()] == [".graph"]
    assert doubled(tmp_path, make=never) == 42
