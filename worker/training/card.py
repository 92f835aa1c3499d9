"""What a model's folder says about it: a model card in Markdown."""

import json
import math
from collections.abc import Mapping
from typing import Final

from moodmill.worker.training.crossfit import Figures
from moodmill.worker.training.recipe import MINILM, Recipe
from moodmill.worker.training.report import Report, Scores
from moodmill.worker.training.thresholds import HALVINGS

_COLUMNS: Final = ("precision", "recall", "F1", "average precision")


def model_card(recipe: Recipe, report: Report, long_texts: str, cross_tuned: float, parameters: int) -> str:
    """Return the README.md of a trained model: what it is, how it was made, how it does on dev, and its limits.

    `long_texts`: the section on joined comments.
    """
    base = "sentence-transformers/all-MiniLM-L6-v2" if recipe.encoder == MINILM else recipe.encoder
    # An English encoder. What others read, whoever trains them knows.
    language = "language: en\n" if recipe.encoder == MINILM else ""
    stored = "fp16" if recipe.half else "fp32"
    return f"""---
base_model: {base}
{language}pipeline_tag: text-classification
---

# 27 emotions of comments

{base} with 27 outputs, one sigmoid per emotion of GoEmotions (Demszky et al., ACL 2020); {parameters / 1e6:.1f} million
parameters, {stored} safetensors. moodmill loads it by its folder (`--model`), plain `transformers` by
`AutoModelForSequenceClassification.from_pretrained(folder, dtype="float32")`. Its probabilities are calibrated on dev,
emotion by emotion. `thresholds.json` says from which probability on an emotion counts as present.

## How it was made

Binary cross-entropy, AdamW, linear warm-up and decay, by this recipe:

| | |
| --- | --- |
{_making(recipe)}
{_remarks(recipe)}
`moodmill train FOLDER --recipe recipe.json` makes it again. The last epoch is the one that is kept: none was picked
by its figure on dev. `curves.png` shows the training.

{evaluation_section(report, "this model", "dev")}

These thresholds were tuned on the very comments that judge them here. With each half of dev judged by thresholds tuned
on the other half, macro-F1 is **{cross_tuned:.3f}** (mean of {HALVINGS} random halvings): expect that
of other text of this kind. `reliability.png` shows how far probabilities and observed shares agree.

{long_texts}

## Limits

It speaks of text like what it was trained on. GoEmotions is English comments of Reddit, 2005 to 2019: other languages,
places and times are not measured. Rare emotions (grief, pride, relief, nervousness) have fewer than 200 examples
each. Not a basis for decisions about single people.
"""


def evaluation_section(report: Report, model: str, data: str) -> str:
    """Return the figures of a model on labelled comments as a section of its card."""
    head = f"| | {' | '.join(_COLUMNS)} |\n| --- | --- | --- | --- | --- |"
    lines = [
        f"| {name} | {emotion.threshold:.3f} | {emotion.support:,} | {_row(emotion)} |"
        for name, emotion in report.emotions.items()
    ]
    comments = f"{report.comments:,}"
    return f"""## Evaluation

{comments} comments of `{data}`, by `{model}`. Expected calibration error over all 27 x {comments} decisions,
{len(report.bins)} bins: {report.ece:.4f}.

{head}
| macro (mean of 27 emotions) | {_row(report.macro)} |
| micro (all decisions) | {_row(report.micro)} |

| emotion | threshold | comments | {" | ".join(_COLUMNS)} |
| --- | --- | --- | --- | --- | --- | --- |
{chr(10).join(lines)}"""


def joined_section(figures: Mapping[int, Figures], texts: int) -> str:
    """Return the figures on joined comments as a section of a card."""
    lines = [
        f"| {size} | {of.macro_f1:.3f} | {of.micro_f1:.3f} | {of.macro_average_precision:.3f} "
        f"| {of.micro_average_precision:.3f} | {of.ece:.4f} | {of.share:.2f} |"
        for size, of in figures.items()
    ]
    return f"""### Long texts

Nobody has labelled long ones. For each line but the first, {texts:,} texts of so many comments of random choice, with
blanks between, which carry the emotions of all of them. They stand for long texts, and are none: their comments speak
of different things. The share is the sum of all probabilities over the number of all labels.

| comments | macro-F1 | micro-F1 | macro average precision | micro average precision | calibration error | share |
| --- | --- | --- | --- | --- | --- | --- |
{chr(10).join(lines)}"""


def _making(recipe: Recipe) -> str:
    given = {name: value for name, value in json.loads(recipe.as_json()).items() if value not in (None, [])}
    if not (recipe.teachers or recipe.soft_labels):
        del given["label_share"]
    return "\n".join(f"| {name.replace('_', ' ')} | {_shown(value)} |" for name, value in given.items())


def _remarks(recipe: Recipe) -> str:
    """Return what the table of the recipe does not explain by itself, as paragraphs."""
    said = []
    if recipe.teachers or recipe.soft_labels:
        said.append("It learned from the labels of people and from the probabilities of other models (soft labels).")
    if recipe.joined:
        said.append(
            f"Each epoch had all comments once more, joined at random to texts of up to {recipe.joined}, which have "
            "the emotions of all their comments."
        )
    if recipe.emoji:
        said.append("Emoji and emoticons are tokens of their own, which began as the means of their words.")
    return "".join(f"\n{one}\n" for one in said)


def _shown(value: object) -> str:
    return ", ".join(value) if isinstance(value, list) else f"{value:g}" if isinstance(value, float) else str(value)


def _row(scores: Scores) -> str:
    figures = (scores.precision, scores.recall, scores.f1, scores.average_precision)
    return " | ".join("-" if math.isnan(one) else f"{one:.3f}" for one in figures)
