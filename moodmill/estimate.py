"""How long it will take to label sources here, and how much room their rows will need: by a sample of both."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot, sqrt
from typing import TYPE_CHECKING, Final

from moodmill.db.core.errors import ModelError
from moodmill.producers.runs.sampling import ERRORS, Range, Sample

if TYPE_CHECKING:
    from moodmill.db.core.comment import Comment
    from moodmill.room import Room
    from moodmill.worker.core.settings import WorkerSettings
    from moodmill.worker.inference.classifier import Classifier, Outcome

#: Parts of the sample that are timed one after the other: how they differ is how sure their mean is.
PARTS: Final = 4
#: How much longer it may take than the model alone, for the reading, the queue and the store beside it.
HOST: Final = 1.15


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What labelling is expected to take."""

    sample: Sample
    #: The model's name and revision, and in words on what it runs.
    model: str
    runs_on: str
    tokens_a_comment: Range
    comments_per_s: Range
    seconds: Range
    room: "Room"


def estimate(sample: Sample, settings: "WorkerSettings", *, keep_text: bool) -> Estimate:
    """Classify a sample in this process, write its rows into a store that is then forgotten, and reckon from that.

    Raises ModelError, also where the sample holds no comment, and SettingError.
    """
    if not sample.chosen:
        raise ModelError(f"none of the {sample.records:,} records that were read would be labelled: nothing to measure")
    from moodmill.db.core.classified import Classified
    from moodmill.room import measure_room
    from moodmill.worker.inference.repository import find_model

    files = find_model(settings)
    from moodmill.worker.inference.classifier import load_classifier

    with load_classifier(files, settings) as classifier:
        classifier.warm_up()
        tokens, speed, outcome = _measured(classifier, sample.chosen)
        runs_on, engine = str(classifier), classifier.engine
    pace = Range(1 / speed.expected, 1 / speed.high, HOST / speed.low)
    rows = Classified(
        comments=sample.chosen,
        probabilities=outcome.probabilities,
        tokens=outcome.tokens,
        truncated=outcome.truncated,
        segments=outcome.segments,
        unsupported=outcome.unsupported,
        model=files.name,
        engine=engine,
        source="sample",
        keep_text=keep_text,
    )
    room = measure_room(rows, files.thresholds)
    return Estimate(
        sample=sample,
        model=files.name,
        runs_on=runs_on,
        tokens_a_comment=tokens,
        comments_per_s=Range(speed.expected, speed.low / HOST, speed.high),
        seconds=sample.comments.times(pace),
        room=room,
    )


def _measured(classifier: "Classifier", comments: Sequence["Comment"]) -> tuple[Range, Range, "Outcome"]:
    """Return tokens a comment, comments a second, and what the model says of them."""
    texts = [comment.text for comment in comments]
    parts = [texts[at::PARTS] for at in range(PARTS) if texts[at::PARTS]]
    rates = []
    for part in parts:
        begun = time.perf_counter()
        said = classifier.classify(part)
        rates.append(float(said.tokens.sum()) / (time.perf_counter() - begun))
    begun = time.perf_counter()
    outcome = classifier.classify(texts)
    seconds = time.perf_counter() - begun
    counts = outcome.tokens.astype(float)
    mean = float(counts.mean())
    # Of a mean, as a share of it: by how the texts differ in length, and the parts in speed.
    of_length = ERRORS * float(counts.std()) / sqrt(len(texts)) / mean
    of_speed = (max(rates) - min(rates)) / (2 * sum(rates) / len(rates))
    apart = min(hypot(of_length, of_speed), 0.5)
    speed = len(texts) / seconds
    return (
        Range(mean, mean * (1 - of_length), mean * (1 + of_length)),
        Range(speed, speed * (1 - apart), speed * (1 + apart)),
        outcome,
    )
