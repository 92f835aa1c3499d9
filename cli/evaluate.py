"""`moodmill evaluate`: how well a model does on labelled comments."""

import math
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.progress import BarColumn, MofNCompleteColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table

from cli.options import device_options, json_option, model_setting, revision_options
from cli.printing import OUTPUT, REMARKS, print_json

if TYPE_CHECKING:
    from worker.training.report import Report, Scores


def _to_draw(_context: click.Context, _parameter: click.Parameter, path: Path | None) -> Path | None:
    """Refuse a picture that could not be written before minutes are spent on its content."""
    if path and path.suffix.lower() != ".png":
        raise click.BadParameter(f"expected a name that ends in .png, got {path}")
    if path and not path.parent.is_dir():
        raise click.BadParameter(f"the folder {path.parent} does not exist")
    return path


@click.command(short_help="Judge a model on labelled comments.")
@click.argument("model", required=False, callback=model_setting, expose_value=False)
@click.option(
    "--data",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Labelled comments: .tsv, .csv or .parquet.",
)
@click.option("--cross-tuned", is_flag=True, help="Also judge each half of the data by thresholds tuned on the other.")
@click.option(
    "--picture",
    metavar="FILE.png",
    type=click.Path(path_type=Path, dir_okay=False, writable=True),
    callback=_to_draw,
    help="Draw how far probabilities and observed shares agree.",
)
@click.option("--card", "as_card", is_flag=True, help="Print a section for a model card.")
@revision_options
@device_options
@json_option
def evaluate(data: Path, cross_tuned: bool, picture: Path | None, as_card: bool, as_json: bool) -> None:
    """Judge MODEL (a Hub repository, a folder or `bundled`) on labelled comments.

    Precision, recall, F1 and average precision of each emotion by the model's own thresholds, macro and micro, and the
    expected calibration error over all decisions.

    \b
    A .tsv is GoEmotions: text, label numbers as 3,17, an id. A .csv has a header, `text` and a column of 0 and 1 for
    each emotion; a .parquet is like it, or has `labels`, lists of numbers.
    """
    from db.settings import read_settings
    from worker.repository import find_model
    from worker.settings import WorkerSettings
    from worker.training.card import evaluation_section
    from worker.training.evaluation import classify_all
    from worker.training.labelled import read_labelled
    from worker.training.pictures import draw_reliability
    from worker.training.report import judge
    from worker.training.thresholds import HALVINGS, cross_tuned_f1

    settings = read_settings(WorkerSettings)
    labelled = read_labelled(data)
    files = find_model(settings)
    with Bar(
        "{task.description}",
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=REMARKS,
        transient=True,
        disable=not REMARKS.is_terminal,
    ) as bar:
        task = bar.add_task("classifying", total=len(labelled))
        probabilities = classify_all(files, settings, labelled.texts, lambda done: bar.update(task, completed=done))
    report = judge(labelled.targets, probabilities, files.thresholds)
    halves = cross_tuned_f1(labelled.targets, probabilities) if cross_tuned else None
    if picture:
        draw_reliability(report, picture)
    if as_json:
        print_json({"model": files.name, "data": str(data), "cross_tuned_macro_f1": halves} | report.as_json())
    elif as_card:
        click.echo(evaluation_section(report, files.name, data.name))
    else:
        _print(report, files.name, data)
    if halves is not None and not as_json:
        OUTPUT.print(
            f"macro-F1, each half by thresholds tuned on the other: {halves:.3f} (mean of {HALVINGS} halvings)"
        )


def _print(report: "Report", model: str, data: Path) -> None:
    table = Table(box=None, title=f"{model} on {report.comments:,} comments of {data.name}", title_justify="left")
    for name in ("", "threshold", "comments", "precision", "recall", "F1", "AP"):
        table.add_column(name, justify="right" if name else "left")
    for name, emotion in report.emotions.items():
        table.add_row(name, f"{emotion.threshold:.3f}", f"{emotion.support:,}", *_figures(emotion))
    table.add_section()
    table.add_row("macro", "", "", *_figures(report.macro), style="bold")
    table.add_row("micro", "", "", *_figures(report.micro), style="bold")
    OUTPUT.print(table)
    OUTPUT.print(f"AP is average precision. Expected calibration error: {report.ece:.4f}")
    absent = [name for name, emotion in report.emotions.items() if not emotion.support]
    if absent:
        OUTPUT.print(f"No comment carries {', '.join(absent)}: F1 counts as 0 there, AP is left out of its mean.")


def _figures(scores: "Scores") -> list[str]:
    figures = (scores.precision, scores.recall, scores.f1, scores.average_precision)
    return ["-" if math.isnan(one) else f"{one:.3f}" for one in figures]
