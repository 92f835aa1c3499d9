"""`moodmill classify`: a few texts, at once."""

from typing import TYPE_CHECKING, Any, Final

import click
from rich.table import Table
from rich.text import Text

from moodmill.cli.options import device_options, json_option, model_options
from moodmill.cli.printing import OUTPUT, print_json
from moodmill.cli.remarks import UNSUPPORTED
from moodmill.db.core.emotions import EMOTIONS, GROUP_OF
from moodmill.db.core.errors import ModelError
from moodmill.db.core.text import shortened

if TYPE_CHECKING:
    from moodmill.worker.inference.explanation import ExplainedSegment

#: Tokens that --why shows for an emotion, and the least change of a probability that it shows.
TOKENS: Final = 4
LEAST: Final = 0.005


@click.command(short_help="Show the 27 probabilities of texts.")
@click.argument("texts", nargs=-1, required=True, metavar="TEXT...")
@click.option("--top-k", type=click.IntRange(1, len(EMOTIONS)), metavar="K", help="Show only the K most probable.")
@click.option(
    "--threshold", type=click.FloatRange(0, 1), metavar="P", help="Show only those with a probability above P."
)
@click.option("--why", is_flag=True, help="Show how much each token raises or lowers each probability.")
@model_options
@device_options
@json_option
def classify(texts: tuple[str, ...], top_k: int | None, threshold: float | None, why: bool, as_json: bool) -> None:
    """Show the 27 probabilities of each TEXT, ranked; a star marks those above the model's own thresholds.

    With --why each token is left out in turn: a probability that is lower by 0.6 without `excited` has `excited +0.60`.
    Of a text that is read in segments, it is the probability of the token's segment.
    """
    from moodmill.db.core.settings import read_settings
    from moodmill.worker.core.settings import WorkerSettings
    from moodmill.worker.inference.repository import find_model

    settings = read_settings(WorkerSettings)
    files = find_model(settings)
    from moodmill.worker.inference.classifier import load_classifier

    with load_classifier(files, settings) as classifier:
        outcome = classifier.classify(list(texts))
    for row, error in outcome.errors.items():
        raise ModelError(f"the model {files.name} fails on text {row + 1}: {error}")
    explained: list[list[ExplainedSegment]] = []
    if why:
        from moodmill.worker.inference.explainer import Explainer  # torch

        explainer = Explainer(files, settings)
        explained = [[*map(explainer.leave_one_out, explainer.explain(text).segments)] for text in texts]
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
                | ({"why": [_as_json(segment, dict(shown)) for segment in explained[row]]} if why else {})
                for row, (text, shown, labels) in enumerate(answers)
            ]
        )
        return
    for row, (text, shown, labels) in enumerate(answers):
        table = Table("", "emotion", "group", title=Text(shortened(text)), box=None, title_justify="left")
        table.add_column("probability", justify="right")
        if why:
            table.add_column("why")
        for name, probability in shown:
            reasons = [Text(_reasons(explained[row], name))] if why else []
            table.add_row("*" if name in labels else "", name, GROUP_OF[name], f"{probability:.3f}", *reasons)
        OUTPUT.print(table)
        reason = outcome.unsupported[row]
        if reason is not None:
            OUTPUT.print(f"unsupported: {UNSUPPORTED[reason]}")
        if not shown:
            OUTPUT.print(f"no emotion has a probability above {threshold:g}")


def _effects(segment: "ExplainedSegment", emotion: str) -> list[tuple[str, float]]:
    """Return a segment's own tokens, and how much higher a probability is for each."""
    effects = segment.effects[:, EMOTIONS.index(emotion)].tolist()
    return [
        (token.text or token.piece, effect)
        for token, effect in zip(segment.tokens, effects, strict=True)
        if not token.special
    ]


def _reasons(segments: list["ExplainedSegment"], emotion: str) -> str:
    """Return in words the tokens that change an emotion's probability most."""
    effects = [effect for segment in segments for effect in _effects(segment, emotion)]
    ranked = sorted(effects, key=lambda one: -abs(one[1]))[:TOKENS]
    return ", ".join(f"{shortened(token, 30)} {effect:+.2f}" for token, effect in ranked if abs(effect) >= LEAST)


def _as_json(segment: "ExplainedSegment", shown: dict[str, float]) -> dict[str, Any]:
    effects = {emotion: [effect for _, effect in _effects(segment, emotion)] for emotion in shown}
    return {"tokens": [token.text or token.piece for token in segment.tokens if not token.special], "effects": effects}
