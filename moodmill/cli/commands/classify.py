"""`moodmill classify`: a few texts, at once."""

import click
from rich.table import Table
from rich.text import Text

from moodmill.cli.options import device_options, json_option, model_options
from moodmill.cli.printing import OUTPUT, print_json
from moodmill.cli.remarks import UNSUPPORTED
from moodmill.db.core.emotions import EMOTIONS, GROUP_OF
from moodmill.db.core.errors import ModelError
from moodmill.db.core.text import shortened


@click.command(short_help="Show the 27 probabilities of texts.")
@click.argument("texts", nargs=-1, required=True, metavar="TEXT...")
@click.option("--top-k", type=click.IntRange(1, len(EMOTIONS)), metavar="K", help="Show only the K most probable.")
@click.option(
    "--threshold", type=click.FloatRange(0, 1), metavar="P", help="Show only those with a probability above P."
)
@model_options
@device_options
@json_option
def classify(texts: tuple[str, ...], top_k: int | None, threshold: float | None, as_json: bool) -> None:
    """Show the 27 probabilities of each TEXT, ranked; a star marks those above the model's own thresholds."""
    from moodmill.db.core.settings import read_settings
    from moodmill.worker.core.settings import WorkerSettings
    from moodmill.worker.inference.repository import find_model

    settings = read_settings(WorkerSettings)
    files = find_model(settings)
    from moodmill.worker.inference.classifier import load_classifier  # torch, once there is a model to load

    with load_classifier(files, settings) as classifier:
        outcome = classifier.classify(list(texts))
    for row, error in outcome.errors.items():
        raise ModelError(f"the model {files.name} fails on text {row + 1}: {error}")
    answers = []
    for text, probabilities in zip(texts, outcome.probabilities.tolist(), strict=True):
        ranked = sorted(zip(EMOTIONS, probabilities, strict=True), key=lambda one: -one[1])
        shown = [one for one in ranked[:top_k] if threshold is None or one[1] > threshold]
        labels = [name for name, probability in ranked if probability > files.thresholds[name]]
        answers.append((text, shown, labels))
    if as_json:
        print_json(
            [
                {
                    "text": text,
                    "model": files.name,
                    "tokens": int(outcome.tokens[row]),
                    "segments": int(outcome.segments[row]),
                    "truncated": bool(outcome.truncated[row]),
                    "unsupported": outcome.unsupported[row],
                    "probabilities": dict(shown),
                    "labels": labels,
                }
                for row, (text, shown, labels) in enumerate(answers)
            ]
        )
        return
    for row, (text, shown, labels) in enumerate(answers):
        table = Table("", "emotion", "group", title=Text(shortened(text)), box=None, title_justify="left")
        table.add_column("probability", justify="right")
        for name, probability in shown:
            table.add_row("*" if name in labels else "", name, GROUP_OF[name], f"{probability:.3f}")
        OUTPUT.print(table)
        reason = outcome.unsupported[row]
        if reason is not None:
            OUTPUT.print(f"unsupported: {UNSUPPORTED[reason]}")
        if not shown:
            OUTPUT.print(f"no emotion has a probability above {threshold:g}")
