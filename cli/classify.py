"""`moodmill classify`: a few texts, at once."""

import click
from rich.table import Table
from rich.text import Text

from cli.options import device_options, json_option, model_options
from cli.printing import OUTPUT, print_json, shortened
from db.emotions import EMOTIONS, GROUP_OF


@click.command(short_help="Show the 27 probabilities of texts.")
@click.argument("texts", nargs=-1, required=True, metavar="TEXT...")
@model_options
@device_options
@json_option
def classify(texts: tuple[str, ...], as_json: bool) -> None:
    """Show the 27 probabilities of each TEXT, ranked; a star marks those above the model's threshold."""
    from db.settings import read_settings
    from worker.classifier import load_classifier
    from worker.repository import find_model
    from worker.settings import WorkerSettings

    settings = read_settings(WorkerSettings)
    files = find_model(settings)
    with load_classifier(files, settings) as classifier:
        outcome = classifier.classify(list(texts))
    results = []
    for row, text in enumerate(texts):
        ranked = sorted(zip(EMOTIONS, outcome.probabilities[row].tolist(), strict=True), key=lambda one: -one[1])
        results.append((text, ranked))
    if as_json:
        shown = [
            {
                "text": text,
                "model": files.name,
                "tokens": int(outcome.tokens[row]),
                "truncated": bool(outcome.truncated[row]),
                "probabilities": dict(ranked),
                "labels": [name for name, probability in ranked if probability > files.thresholds[name]],
            }
            for row, (text, ranked) in enumerate(results)
        ]
        print_json(shown)
        return
    for text, ranked in results:
        table = Table("", "emotion", "group", title=Text(shortened(text)), box=None, title_justify="left")
        table.add_column("probability", justify="right")
        for name, probability in ranked:
            star = "*" if probability > files.thresholds[name] else ""
            table.add_row(star, name, GROUP_OF[name], f"{probability:.3f}")
        OUTPUT.print(table)
