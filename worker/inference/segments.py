"""How a long text is read: in segments of whole sentences, each by itself, and what they say is pooled.

A classifier is as good on a text as such texts were in its training. So a model may declare, in `segments.json` beside
it, up to how many tokens it is to be given at once, and how the answers become one:

    {"tokens": 48, "pooling": "noisy-or"}
"""

import json
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from moodmill.db.core.errors import ModelError

#: How the probabilities of a text's segments become those of the text, an emotion at a time. "noisy-or": that at least
#: one segment carries it, as if they were independent: 1 - (1 - p1)(1 - p2)… (Pearl, "Probabilistic Reasoning in
#: Intelligent Systems", 1988), of a text of more than INDEPENDENT segments that so many such ones would. "max": the
#: largest.
Pooling = Literal["noisy-or", "max"]

#: Beside a model's weights.
FILE: Final = "segments.json"
#: The most tokens of a segment, special ones included, where a model declares none: the classic limit of BERT.
MAX_SEGMENT: Final = 512
#: The fewest that can be declared.
MIN_SEGMENT: Final = 8
#: Segments of a text that count as independent. A page speaks of one thing, and small doubts of fifty segments would
#: add up to certainties; calibration, which is fitted on up to eight comments joined, has not seen more.
INDEPENDENT: Final = 8
#: Where a sentence ends: after its mark, and what closes with it, or where a line does.
_END: Final = re.compile(r"""[.!?…]["'\u201d\u2019)\]]*\s+|\n\s*""")


@dataclass(frozen=True, kw_only=True)
class Segmentation:
    """What a model declares."""

    #: Tokens of a segment at most, special ones included.
    tokens: int = MAX_SEGMENT
    pooling: Pooling = "noisy-or"


def write_segmentation(segmentation: Segmentation, folder: Path) -> None:
    (folder / FILE).write_text(json.dumps(asdict(segmentation)) + "\n", encoding="utf-8")


def read_segmentation(folder: Path) -> Segmentation:
    """Read what the model in a folder declares. Raises ModelError where that cannot be meant."""
    path = folder / FILE
    if not path.exists():
        return Segmentation()
    try:
        given = json.loads(path.read_text(encoding="utf-8"))
        declared = Segmentation(**given)
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(f'{path}: expected {{"tokens": 48, "pooling": "noisy-or"}}: {error}') from error
    if type(declared.tokens) is not int or declared.tokens < MIN_SEGMENT:
        raise ModelError(f"{path}: tokens is {declared.tokens!r}: expected a number from {MIN_SEGMENT} on")
    if declared.pooling not in get_args(Pooling):
        raise ModelError(f"{path}: pooling is {declared.pooling!r}: expected one of {', '.join(get_args(Pooling))}")
    return declared


def segments(text: str, offsets: Sequence[tuple[int, int]], most: int) -> list[slice]:
    """Return which of a text's tokens make a segment, `most` at most: whole sentences, as many as there is room for.

    `offsets`: where each token begins and ends in the text. A longer sentence is cut between words, into parts of about
    equal length; a longer word is cut too.
    """
    if len(offsets) <= most:
        return [slice(0, len(offsets))]
    found: list[slice] = []
    for start, stop in _parts(text, offsets, most):
        if found and stop - found[-1].start <= most:
            found[-1] = slice(found[-1].start, stop)
        else:
            found.append(slice(start, stop))
    return found


def _sentences(text: str, offsets: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield the first token of each sentence, and the one after its last."""
    # By their ends: some tokenizers count the blank before a word in, which is the sentence's before.
    ends = [end for _, end in offsets]
    begun = 0
    for end in _END.finditer(text, 0, ends[-1]):
        at = bisect_right(ends, end.end())
        if begun < at < len(ends):
            yield begun, at
            begun = at
    yield begun, len(ends)


def _parts(text: str, offsets: Sequence[tuple[int, int]], most: int) -> Iterator[tuple[int, int]]:
    """Yield sentences, those that are longer than a segment in parts."""
    for start, stop in _sentences(text, offsets):
        begun = start
        while stop - begun > most:
            left = -(-(stop - begun) // most)
            border = begun + -(-(stop - begun) // left)  # rounded up: what is left fits into one part less
            at = next((token for token in range(border, begun, -1) if _begins_word(text, offsets[token][0])), border)
            yield begun, at
            begun = at
        yield begun, stop


def _begins_word(text: str, at: int) -> bool:
    """Tell whether a token that begins there does; some tokenizers count the blank before a word in."""
    return any(character.isspace() for character in text[at - 1 : at + 1])


def independence(counts: NDArray[np.int32]) -> NDArray[np.float64]:
    """Return [n]: which share of the segments of each of n texts counts, of log(1 - p)."""
    return np.minimum(1.0, INDEPENDENT / np.maximum(counts, 1))


def pool(probabilities: NDArray[np.float32], counts: NDArray[np.int32], pooling: Pooling) -> NDArray[np.float32]:
    """Return [n, k] probabilities of n texts from those of their segments, [m, k]: `counts` says how many each has."""
    if len(counts) == len(probabilities):
        return probabilities
    firsts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    if pooling == "max":
        return np.maximum.reduceat(probabilities, firsts, axis=0)
    none_of_them = np.multiply.reduceat(1 - probabilities.astype(np.float64), firsts, axis=0)
    pooled = (1 - none_of_them ** independence(counts)[:, None]).astype(np.float32)
    alone = counts == 1  # to the last bit what the model says
    pooled[alone] = probabilities[firsts[alone]]
    return pooled
