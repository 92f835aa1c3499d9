"""Texts become token ids, in segments of what the model reads at once."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from moodmill.worker.core.settings import MAX_TOKENS
from moodmill.worker.inference.segments import MAX_SEGMENT, read_segmentation, segments
from moodmill.worker.inference.vocabulary import read_vocabulary

#: Characters of a text that are tokenized: a tokenizer goes through all of it, at up to 400 bytes and 5 µs a character,
#: before it keeps MAX_TOKENS tokens. Real comments have up to 40,000.
MAX_CHARACTERS: Final = 100_000
#: Characters of the texts that are tokenized at once, by each task thread: most chunks as a whole.
BATCH_CHARACTERS: Final = 2 * MAX_CHARACTERS


@dataclass(frozen=True, slots=True)
class Segment:
    """What the model reads at once."""

    #: Special ones included.
    ids: list[int]

    @property
    def length(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, kw_only=True, slots=True)
class Token:
    """One of the units that a tokenizer makes of a text."""

    #: Its number in the vocabulary.
    id: int
    #: As the vocabulary has it, as `##ing`.
    piece: str
    #: What it stands for in the text: nothing for special tokens. Several tokens may stand for one character.
    text: str
    #: Which characters of the text these are, [start, stop).
    start: int
    stop: int
    #: Put in by the tokenizer, as `[CLS]`.
    special: bool
    #: Not in the vocabulary.
    unknown: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenIds:
    """A text as the model sees it."""

    #: One at least.
    segments: list[Segment]
    #: Whether the text was longer than the limit and only its beginning is here.
    truncated: bool
    #: The share of its tokens that the vocabulary does not have, special ones aside.
    unknown: float

    @property
    def length(self) -> int:
        """Tokens that the model reads."""
        return sum(segment.length for segment in self.segments)


class TextTokenizer:
    """A model's own tokenizer. May be used from several threads at once."""

    def __init__(
        self, folder: Path, model_tokens: int, max_tokens: int = MAX_TOKENS, cache: Path | None = None
    ) -> None:
        """Load the tokenizer. Raises ModelError when the folder holds none, or declares segments that cannot be.

        `model_tokens`: what the model takes at once; `max_tokens`: tokens of a text that are read; `cache`: where what
        takes transformers to read is kept.
        """
        self.segmentation: Final = read_segmentation(folder)
        vocabulary = read_vocabulary(folder, cache)
        self.highest_id: Final = vocabulary.highest_id
        #: Tokens of a segment at most, special ones included.
        self.limit: Final = min(self.segmentation.tokens, model_tokens, MAX_SEGMENT, vocabulary.max_tokens)
        self.pad_id: Final = vocabulary.pad_id
        self._unknown_id: Final = vocabulary.unknown_id
        self._backend: Final = vocabulary.tokenizer
        #: The special tokens before and after a segment.
        self._before, self._after = self._special()
        self._backend.enable_truncation(max(max_tokens, len(self._before) + len(self._after) + 1))

    def encode(self, texts: Sequence[str]) -> list[TokenIds]:
        """Return the token ids of each text, of MAX_CHARACTERS at most, cut at the limit of tokens."""
        return [self._ids(text, encoding) for batch in _batches(texts) for text, encoding in self._encodings(batch)]

    def tokens(self, text: str) -> tuple[TokenIds, list[list[Token]]]:
        """Return the token ids of a text, and what the tokens of each segment are, special ones included."""
        [(_, encoding)] = self._encodings([text])
        ids, offsets = self._ids(text, encoding), iter(self._own(encoding.offsets))
        return ids, [[*self._describe(text, segment.ids, offsets)] for segment in ids.segments]

    def _describe(self, text: str, ids: Sequence[int], offsets: Iterator[tuple[int, int]]) -> Iterator[Token]:
        """Yield a segment's tokens; takes what stands in it from the offsets of the whole text's own tokens."""
        stop = len(ids) - len(self._after)
        for at, token in enumerate(ids):
            special = not len(self._before) <= at < stop
            start, end = (0, 0) if special else next(offsets)
            yield Token(
                id=token,
                piece=self._backend.id_to_token(token) or str(token),
                text=text[start:end],
                start=start,
                stop=end,
                special=special,
                unknown=not special and token == self._unknown_id,
            )

    def cut(self, texts: Sequence[str]) -> tuple[list[str], NDArray[np.int32]]:
        """Return the segments of n texts as texts, for what takes no token ids, and how many each text has, [n]."""
        found: list[str] = []
        counts = []
        for text, encoding in self._encodings(texts):
            offsets = self._own(encoding.offsets)
            # By their ends: a blank belongs to the token behind it, where it belongs to one at all.
            ends = [offsets[part.stop - 1][1] for part in self._slices(text, offsets)] if offsets else [0]
            borders = [0, *ends]
            found += [text[start:stop] for start, stop in pairwise(borders)]
            counts.append(len(borders) - 1)
        return found, np.array(counts, dtype=np.int32)

    def _ids(self, text: str, encoding: Any) -> TokenIds:
        truncated = bool(encoding.overflowing) or len(text) > MAX_CHARACTERS
        ids = encoding.ids
        own = self._own(ids)
        unknown = own.count(self._unknown_id) / len(own) if own else 0.0
        if len(ids) <= self.limit:
            parts = [Segment(ids)]
        else:
            slices = self._slices(text, self._own(encoding.offsets))
            parts = [Segment([*self._before, *own[part], *self._after]) for part in slices]
        return TokenIds(segments=parts, truncated=truncated, unknown=unknown)

    def _encodings(self, texts: Sequence[str]) -> Iterator[tuple[str, Any]]:
        # What is not wanted of an encoding costs little: with offsets it takes a tenth longer than without.
        return zip(texts, self._backend.encode_batch([text[:MAX_CHARACTERS] for text in texts]), strict=True)

    def _slices(self, text: str, offsets: list[tuple[int, int]]) -> list[slice]:
        return segments(text, offsets, self.limit - len(self._before) - len(self._after))

    def _own(self, of_tokens: list[Any]) -> list[Any]:
        """Leave out what belongs to special tokens."""
        return of_tokens[len(self._before) : len(of_tokens) - len(self._after)]

    def _special(self) -> tuple[list[int], list[int]]:
        """Return the ids before and after those of a text."""
        encoding = self._backend.encode("a")
        inner = [at for at, special in enumerate(encoding.special_tokens_mask) if not special] or [len(encoding.ids)]
        return encoding.ids[: inner[0]], encoding.ids[inner[-1] + 1 :]


def _batches(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Cut texts into batches of BATCH_CHARACTERS at most, as far as they are tokenized."""
    first, characters = 0, 0
    for row, text in enumerate(texts):
        length = min(len(text), MAX_CHARACTERS)
        if characters + length > BATCH_CHARACTERS:
            yield texts[first:row]
            first, characters = row, 0
        characters += length
    yield texts[first:]
