"""`moodmill train`: a model of your own."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar

from moodmill.cli.options import device_option
from moodmill.cli.printing import OUTPUT, REMARKS, print_json
from moodmill.cli.signals import stoppable

if TYPE_CHECKING:
    from moodmill.worker.training.progress import Progress, Watcher

_SHARE = click.FloatRange(0, 1)
_COUNT = click.IntRange(1)


@click.command(short_help="Train a model of your own.")
@click.argument("out", metavar="FOLDER", type=click.Path(path_type=Path))
@click.option(
    "--recipe",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A recipe.json to take what no option names from.",
)
@click.option("--encoder", metavar="NAME", help="A Hub repository, a folder, or `minilm`.  [default: minilm]")
@click.option("--revision", metavar="NAME", help="Commit, tag or branch of the encoder's repository.")
@click.option(
    "--data",
    metavar="NAME",
    help="A dataset of the Hub, or a folder with train and dev.  [default: google-research-datasets/go_emotions]",
)
@click.option("--limit", type=_COUNT, metavar="N", help="Only the first N comments of train.")
@click.option("--fold", metavar="K/N", help="Leave the Kth of N shares of train out: see `moodmill soft-labels`.")
@click.option("--epochs", type=_COUNT, metavar="N", help="[default: 4]")
@click.option("--batch", type=_COUNT, metavar="N", help="Comments of a step.  [default: 32]")
@click.option(
    "--rate",
    type=click.FloatRange(0, min_open=True),
    metavar="R",
    help="Learning rate of the encoder's top layer: about 3e-5 for BERT-base.  [default: 3e-4]",
)
@click.option(
    "--head-rate",
    type=click.FloatRange(0, min_open=True),
    metavar="R",
    help="Learning rate of the fresh head.  [default: 1e-3]",
)
@click.option(
    "--layer-decay", type=_SHARE, metavar="D", help="Each layer's share of the rate of the one above.  [default: 1]"
)
@click.option(
    "--frozen-layers",
    type=click.IntRange(0),
    metavar="N",
    help="The embeddings and the N lowest layers learn nothing: faster.  [default: 0]",
)
@click.option("--warmup", type=_SHARE, metavar="P", help="Share of the steps in which the rates grow.  [default: 0.06]")
@click.option("--weight-decay", type=click.FloatRange(0), metavar="W", help="[default: 0.01]")
@click.option("--token-masking", type=_SHARE, metavar="P", help="Share of the tokens masked in training.  [default: 0]")
@click.option(
    "--teacher",
    "teachers",
    multiple=True,
    metavar="MODEL",
    help="A model to learn from besides the labels; may be repeated.",
)
@click.option(
    "--soft-labels",
    multiple=True,
    metavar="FILE",
    help="Probabilities to learn from besides the labels, as `moodmill soft-labels` writes them; may be repeated.",
)
@click.option(
    "--label-share",
    type=_SHARE,
    metavar="P",
    help="With teachers or soft labels: the labels' share of the target.  [default: 0.5]",
)
@click.option(
    "--joined",
    type=click.IntRange(0),
    metavar="N",
    help="Learn from the comments joined to texts of up to N, too.  [default: 0]",
)
@click.option("--emoji", is_flag=True, default=None, help="Give emoji and emoticons tokens of their own.")
@click.option(
    "--max-tokens", type=click.IntRange(8), metavar="N", help="Tokens of a comment that are read.  [default: 512]"
)
@click.option(
    "--segment-tokens", type=click.IntRange(8), metavar="N", help="Long texts are read in segments of N tokens later."
)
@click.option("--seed", type=int, metavar="N", help="[default: 7]")
@click.option("--half", is_flag=True, default=None, help="Store the weights as fp16.")
@device_option
@click.option("--json", "as_json", is_flag=True, help="Print how the model does on dev as JSON.")
def train(out: Path, file: Path | None, as_json: bool, **given: Any) -> None:
    """Fine-tune an encoder on GoEmotions, or on data of your own, and write a model to FOLDER.

    One sigmoid per emotion, binary cross-entropy, AdamW, linear warm-up; bf16 on a GPU when there is one. FOLDER gets
    what moodmill and plain transformers load, thresholds tuned on dev, a model card, and pictures of the training.
    Stop it whenever you like: the same command goes on where the last checkpoint is.

    \b
    moodmill train my-model
    moodmill train classic --encoder bert-base-uncased --rate 3e-5
    moodmill label RC_2024-03.zst --model my-model
    """
    from moodmill.db.core.settings import read_settings
    from moodmill.worker.core.settings import WorkerSettings
    from moodmill.worker.training.fine_tuning import fine_tune
    from moodmill.worker.training.recipe import Recipe, read_recipe

    named = {name: value for name, value in given.items() if value not in (None, ())}
    recipe = replace(read_recipe(file) if file else Recipe(), **named)
    try:
        with stoppable(), shown_training(REMARKS) as watcher:
            report = fine_tune(recipe, out, read_settings(WorkerSettings), watcher)
    except KeyboardInterrupt:
        REMARKS.print(f"interrupted; the same command goes on where the last checkpoint in {out} is", soft_wrap=True)
        raise
    if as_json:
        print_json(report.as_json())
        return
    OUTPUT.print(
        f"{out}: macro-F1 {report.macro.f1:.3f} on dev by the thresholds tuned there, "
        f"expected calibration error {report.ece:.4f}",
        soft_wrap=True,
    )


@contextmanager
def shown_training(console: Console) -> Iterator["Watcher"]:
    """Show a bar with the loss, macro-F1 on dev and an ETA; where no terminal is, a line an epoch."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[figures]}"),
        TimeElapsedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
    )
    reported: list[tuple[str, int]] = []
    with Bar(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("reading", total=None, figures="")

        def watch(progress: "Progress") -> None:
            if progress.remark:
                console.print(progress.remark, soft_wrap=True)
            loss = "" if progress.loss is None else f"loss {progress.loss:.4f}"
            score = "" if progress.macro_f1 is None else f"dev macro-F1 {progress.macro_f1:.3f}"
            figures = ", ".join(filter(None, (loss, score)))
            bar.update(
                task,
                description=progress.stage,
                completed=progress.step,
                total=progress.steps or None,
                figures=figures,
            )
            if not console.is_terminal and (progress.stage, progress.judged) not in reported:
                reported.append((progress.stage, progress.judged))
                epoch = f", epoch {progress.judged}: {figures}" if progress.judged else ""
                console.print(f"{progress.stage}{epoch}", soft_wrap=True)

        yield watch
