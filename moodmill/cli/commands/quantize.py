"""`moodmill quantize`: a model's int8 form, and how far it is from the model."""

from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from rich.table import Table

from moodmill.cli.options import json_option, model_setting, revision_options
from moodmill.cli.printing import OUTPUT, REMARKS, print_json
from moodmill.cli.reading import reading_options
from moodmill.cli.signals import stoppable
from moodmill.cli.source import SOURCE
from moodmill.db.core.errors import SettingError

if TYPE_CHECKING:
    from moodmill.producers.sources import ReadOptions
    from moodmill.worker.inference.quantised import Gate

#: Texts that the form is compared on, where there are no labelled comments.
COMPARED: Final = 500


@click.command(short_help="Make a model's int8 form, which processors run twice as fast.")
@click.argument("model", callback=model_setting, expose_value=False)
@click.argument("sources", nargs=-1, type=SOURCE, metavar="[SOURCE]...")
@click.option(
    "--data", metavar="NAME", help="Labelled comments, as `train` takes them: of train it learns, by dev it is judged."
)
@click.option("--beside", is_flag=True, help="Write it beside the model's weights, to go with them, not into a cache.")
@revision_options
@reading_options
@json_option
def quantize(sources: tuple[Path, ...], data: str | None, beside: bool, reading: "ReadOptions", as_json: bool) -> None:
    """Make the int8 form of MODEL (a Hub repository, a folder or `bundled`), and say how far it is from fp32.

    Its scales are found from 500 texts: comments of train (--data), the first comments of SOURCEs, which are what
    `moodmill label` takes, or of both, half and half.

    With --data it has to pass a gate on the comments of dev: macro-F1 within 0.002, expected calibration error within
    0.001, under 0.5 % of the decisions changed, mean difference under 0.004. A form that passed is used by itself
    where the processor multiplies 8-bit numbers (VNNI, AMX). Any other is used with --precision int8.

    \b
    moodmill quantize ./my-model RC_2024-03.zst
    moodmill label RC_2024-03.zst --model ./my-model --precision int8
    """
    from moodmill.db.core.atomicfile import make_folder
    from moodmill.db.core.settings import read_settings
    from moodmill.producers.runs.texts import read_texts
    from moodmill.worker.core.settings import WorkerSettings
    from moodmill.worker.inference.quantised import made_here
    from moodmill.worker.inference.quantization import TEXTS, quantise, spread
    from moodmill.worker.inference.repository import find_model
    from moodmill.worker.training.gate import Judged, judge_form
    from moodmill.worker.training.labelled import read_split

    if not data and not sources:
        raise SettingError("nothing to find scales from: name SOURCEs, --data or both")
    settings = read_settings(WorkerSettings)
    files = find_model(settings)
    with stoppable():
        share = TEXTS // 2 if data and sources else TEXTS
        read = list(islice(read_texts(sources, reading), share + COMPARED)) if sources else []
        texts = [*spread(read_split(data, "train").texts if data else [], share), *read[:share]]
        folder = files.folder if beside else made_here(files, settings.moodmill_cache)
        make_folder(folder)
        REMARKS.print(f"finding the scales of {files.name} from {len(texts):,} texts", style="dim")
        digest = quantise(files, texts, folder)
        if data:
            dev = read_split(data, "dev")
            judged = Judged(name="dev", texts=dev.texts, targets=dev.targets)
        else:
            judged = Judged(name="texts", texts=read[share:] or read, targets=None)
        REMARKS.print(f"comparing it with fp32 on {len(judged.texts):,} comments", style="dim")
        gate = judge_form(files, digest, folder, settings, judged)
    if as_json:
        print_json({"folder": str(folder), "passed": gate.passed, **asdict(gate)})
    else:
        _print(gate, folder)


def _print(gate: "Gate", folder: Path) -> None:
    from moodmill.worker.inference.quantised import MAX_CHANGED, MAX_ECE_RISE, MAX_F1_LOSS, MAX_MEAN_DIFFERENCE

    table = Table("", "fp32", "int8", "", box=None)
    for name, exact, quantised, limit in (
        ("macro-F1", gate.macro_f1_fp32, gate.macro_f1, f"-{MAX_F1_LOSS:g} at most"),
        (
            "expected calibration error",
            gate.expected_calibration_error_fp32,
            gate.expected_calibration_error,
            f"+{MAX_ECE_RISE:g} at most",
        ),
    ):
        if exact is not None and quantised is not None:
            table.add_row(name, f"{exact:.4f}", f"{quantised:.4f}", limit)
    table.add_row("decisions changed", "", f"{gate.decisions_changed:.2%}", f"under {MAX_CHANGED:.1%}")
    table.add_row("mean difference", "", f"{gate.mean_difference:.4f}", f"under {MAX_MEAN_DIFFERENCE:g}")
    table.add_row("largest difference", "", f"{gate.largest_difference:.3f}", "")
    OUTPUT.print(table)
    if gate.passed:
        OUTPUT.print(f"{folder}: passed, and used by itself where the processor has VNNI or AMX", soft_wrap=True)
    elif gate.macro_f1 is None:
        OUTPUT.print(f"{folder}: not judged by labels (--data), so used with --precision int8 alone", soft_wrap=True)
    else:
        OUTPUT.print(f"{folder}: not passed, so used with --precision int8 alone", soft_wrap=True)
