"""`moodmill soft-labels`: what models say of texts, for others to learn from."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from moodmill.cli.commands.train import shown_training
from moodmill.cli.options import device_option, json_option
from moodmill.cli.output import output_file
from moodmill.cli.printing import OUTPUT, REMARKS, print_json
from moodmill.cli.reading import reading_options
from moodmill.cli.signals import stoppable
from moodmill.cli.source import SOURCE
from moodmill.db.core.errors import SettingError

if TYPE_CHECKING:
    from moodmill.producers.sources import ReadOptions


@click.command("soft-labels", short_help="Write models' probabilities for texts, for `train` to learn from.")
@click.argument("to", metavar="FILE.parquet", type=click.Path(path_type=Path))
@click.argument("sources", nargs=-1, type=SOURCE, metavar="[SOURCE]...")
@click.option(
    "--model",
    "models",
    multiple=True,
    required=True,
    metavar="MODEL",
    help="A Hub repository or a local folder; of several the mean is written.",
)
@click.option("--data", metavar="NAME", help="Ask for the comments of train of this, as `train` takes it.")
@click.option("--emoji", is_flag=True, help="Ask for emoji and emoticons, too, by their words.")
@reading_options
@device_option
@json_option
def soft_labels(
    to: Path,
    sources: tuple[Path, ...],
    models: tuple[str, ...],
    data: str | None,
    emoji: bool,
    reading: "ReadOptions",
    as_json: bool,
) -> None:
    """Write to FILE.parquet what models say of texts: their text, and the probabilities of the 27 emotions.

    The texts are comments of train (--data), the comments of SOURCEs, which are what `moodmill label` takes, or both.
    `moodmill train --soft-labels FILE.parquet` learns from them. A long text is read in segments of whole sentences.

    A model that `moodmill train --fold` made is asked of train only what it has not learned: with the models of all
    folds, no soft label is a memory.

    \b
    moodmill train first --data goemotions --encoder bert-base-uncased --rate 3e-5 --fold 1/2
    moodmill train second --data goemotions --encoder bert-base-uncased --rate 3e-5 --fold 2/2
    moodmill soft-labels soft.parquet --data goemotions --model first --model second
    moodmill train student --data goemotions --soft-labels soft.parquet
    """
    from moodmill.db.core.settings import read_settings
    from moodmill.producers.runs.texts import read_texts
    from moodmill.worker.core.settings import WorkerSettings
    from moodmill.worker.training.emoji import symbols
    from moodmill.worker.training.labelled import read_split
    from moodmill.worker.training.progress import Progress
    from moodmill.worker.training.soft_labels import write_soft_labels
    from moodmill.worker.training.teachers import ask

    if to.suffix.lower() != ".parquet":
        raise SettingError(f"expected a name that ends in .parquet, got {to}")
    if to.exists():
        raise SettingError(f"{to} is there already: name another one, or delete it")
    if not (data or sources or emoji):
        raise SettingError("nothing to ask for: name SOURCEs, --data or --emoji")
    with stoppable(), shown_training(REMARKS) as watcher:
        watcher(Progress(stage="reading"))
        comments = read_split(data, "train").texts if data else []
        if sources:
            comments = [*comments, *read_texts(sources, reading)]
        texts = {text: text for text in comments}
        if emoji:
            texts |= symbols()

        def on_progress(step: int, steps: int) -> None:
            watcher(Progress(stage="asking the models", step=step, steps=steps))

        soft = ask(models, texts, read_settings(WorkerSettings), on_progress)
        with output_file(to) as file:
            write_soft_labels(soft, file)
    if as_json:
        print_json({"file": str(to), "texts": len(soft)})
    else:
        OUTPUT.print(f"{to}: {len(soft):,} texts", soft_wrap=True)
