"""`moodmill evaluate`: how well a model does on labelled comments."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.progress import BarColumn, MofNCompleteColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table

from moodmill.cli.options import device_options, json_option, model_setting, revision_options
from moodmill.cli.printing import OUTPUT, REMARKS, print_json
from moodmill.db.core.errors import SettingError

if TYPE_CHECKING:
    from moodmill.worker.core.settings import WorkerSettings
    from moodmill.worker.inference.repository import ModelFiles
    from moodmill.worker.training.crossfit import Figures, Judged
    from moodmill.worker.training.labelled import Labelled
    from moodmill.worker.training.report import Report, Scores


def _to_draw(_context: click.Context, _parameter: click.Parameter, path: Path | None) -> Path | None:
    """Refuse a picture that could not be written before minutes are spent on its content."""
    if path and path.suffix.lower() != ".png":
        raise click.BadParameter(f"expected a name that ends in .png, got {path}")
    if path and not path.parent.is_dir():
        raise click.BadParameter(f"the folder {path.parent} does not exist")
    return path


@click.command(short_help="Evaluate a model on labelled comments.")
@click.argument("model", required=False, callback=model_setting, expose_value=False)
@click.option(
    "--data",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Labelled comments: .tsv, .csv or .parquet.",
)
@click.option("--joined", is_flag=True, help="Also judge long texts: comments joined at random, 2, 4 and 8 of them.")
@click.option(
    "--cross-tuned",
    is_flag=True,
    help="Also judge each half of the data by thresholds (with --joined: and by a calibration) fitted on the other.",
)
@click.option(
    "--texts",
    type=click.IntRange(1),
    metavar="N",
    help="With --joined: so many joined texts of each size.  [default: 1000, or one for each comment]",
)
@click.option(
    "--against",
    metavar="MODEL",
    help="With --joined and --cross-tuned: the difference from this model, as an interval.",
)
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
def evaluate(
    data: Path,
    joined: bool,
    cross_tuned: bool,
    texts: int | None,
    against: str | None,
    picture: Path | None,
    as_card: bool,
    as_json: bool,
) -> None:
    """Evaluate MODEL (a Hub repository, a folder or `bundled`) on labelled comments.

    Precision, recall, F1 and average precision of each emotion by the model's own thresholds, macro and micro, and the
    expected calibration error over all decisions.

    \b
    A .tsv is GoEmotions: text, label numbers as 3,17, an id. A .csv has a header, `text` and a column of 0 and 1 for
    each emotion; a .parquet is like it, or has `labels`, lists of numbers.

    Joined texts are comments of random choice with blanks between, which carry the emotions of all of them. They stand
    for long texts, and are none: their comments speak of different things.
    """
    if not data.exists():
        raise SettingError(f"{data} cannot be read: there is no such file")
    from moodmill.db.core.settings import read_settings
    from moodmill.worker.core.settings import WorkerSettings
    from moodmill.worker.inference.repository import find_model
    from moodmill.worker.training.card import evaluation_section, joined_section
    from moodmill.worker.training.crossfit import Figures, by_size, differences
    from moodmill.worker.training.evaluation import classify_all
    from moodmill.worker.training.joining import judged_texts
    from moodmill.worker.training.labelled import read_labelled
    from moodmill.worker.training.pictures import draw_reliability
    from moodmill.worker.training.report import judge, without_nan
    from moodmill.worker.training.thresholds import HALVINGS, cross_tuned_f1

    if against and not (joined and cross_tuned):
        raise click.UsageError("--against goes with --joined and --cross-tuned")
    if texts and not joined:
        raise click.UsageError("--texts goes with --joined")
    settings = read_settings(WorkerSettings)
    labelled = read_labelled(data)
    texts = texts or judged_texts(labelled)
    files = find_model(settings)
    with _progress("classifying") as on_progress:
        probabilities = classify_all(files, settings, labelled.texts, lambda done: on_progress(done, len(labelled)))
    report = judge(labelled.targets, probabilities, files.thresholds)
    halves = cross_tuned_f1(labelled.targets, probabilities) if cross_tuned else None
    own = {1: Figures.of(report)} | _joined(files, settings, labelled, texts) if joined else {}
    fitted = _cross_fitted(files, settings, labelled, texts) if joined and cross_tuned else []
    apart = {}
    if against:
        others = settings.model_copy(update={"hf_model_repo": against, "hf_model_revision": None})
        theirs = _cross_fitted(find_model(others), others, labelled, texts)
        with _progress("comparing") as on_progress:
            apart = differences(fitted, theirs, on_progress)
    if picture:
        draw_reliability(report, picture)
    if as_json:
        sizes = {"joined": own, "joined_cross_tuned": by_size(fitted)}
        print_json(
            {"model": files.name, "data": str(data), "cross_tuned_macro_f1": halves}
            | report.as_json()
            | without_nan({name: {size: asdict(one) for size, one in of.items()} for name, of in sizes.items() if of})
            | ({"differences": without_nan(apart)} if apart else {})
        )
        return
    if as_card:
        click.echo(evaluation_section(report, files.name, data.name))
        if joined:
            click.echo(f"\n{joined_section(own, texts)}")
    else:
        _print(report, files.name, data)
        if joined:
            _print_sizes("Comments joined, by the model's own thresholds", own)
    if halves is not None:
        OUTPUT.print(
            f"macro-F1, each half by thresholds tuned on the other: {halves:.3f} (mean of {HALVINGS} halvings)"
        )
    if fitted:
        _print_sizes("Comments joined, each half by what was fitted on the other", by_size(fitted))
    if apart:
        _print_differences(f"Differences from {against}, intervals of 95 %", apart)


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar, which is on_progress how many are done, and of how many."""
    with Bar(
        "{task.description}",
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=REMARKS,
        transient=True,
        disable=not REMARKS.is_terminal,
    ) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)


def _joined(files: "ModelFiles", settings: "WorkerSettings", labelled: "Labelled", texts: int) -> dict[int, "Figures"]:
    """Judge so many joined texts of each size by the model's own thresholds."""
    import numpy as np

    from moodmill.worker.training.crossfit import by_own_thresholds
    from moodmill.worker.training.evaluation import ask_segments
    from moodmill.worker.training.joining import joined, together

    parts = joined(labelled, texts, np.random.default_rng(0))
    with _progress("classifying joined comments") as on_progress:
        answers = ask_segments(files, settings, together([*parts.values()]).texts, on_progress)
    said = answers.parted([len(part) for part in parts.values()])
    return by_own_thresholds(parts, [of.probabilities() for of in said], files.thresholds)


def _cross_fitted(files: "ModelFiles", settings: "WorkerSettings", labelled: "Labelled", texts: int) -> list["Judged"]:
    from moodmill.worker.training.crossfit import cross_fit
    from moodmill.worker.training.evaluation import ask_segments

    with _progress(f"classifying halves by {files.name}") as on_progress:
        return cross_fit(labelled, texts, lambda asked: ask_segments(files, settings, asked, on_progress))


def _sizes_table(title: str) -> Table:
    table = Table(box=None, title=title, title_justify="left")
    for name in ("comments", "macro-F1", "micro-F1", "macro-AP", "micro-AP", "ECE", "share"):
        table.add_column(name, justify="right")
    return table


def _print_sizes(title: str, figures: Mapping[int, "Figures"]) -> None:
    table = _sizes_table(title)
    for size, of in figures.items():
        table.add_row(
            str(size), *(f"{value:.4f}" if name == "ece" else f"{value:.3f}" for name, value in asdict(of).items())
        )
    OUTPUT.print(table)
    OUTPUT.print("The share is the sum of all probabilities over the number of all labels.")


def _print_differences(title: str, apart: Mapping[int, Mapping[str, tuple[float, float]]]) -> None:
    table = _sizes_table(title)
    for size, of in apart.items():
        table.add_row(str(size), *(f"{low:+.3f} to {high:+.3f}" for low, high in of.values()))
    OUTPUT.print(table)


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
