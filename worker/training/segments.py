"""Long texts in segments of whole sentences: models that were trained on short comments read them best so."""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

from transformers import AutoTokenizer

from worker.tokens import MAX_CHARACTERS

#: Tokens of a segment at most: nearly all comments of GoEmotions have as many or fewer.
SEGMENT_TOKENS: Final = 32
#: Texts that are tokenized at once.
_BATCH: Final = 1_000
_SENTENCE_END: Final = re.compile(r"(?<=[.!?…])\s+|\n+")

#: The characters of a token: its first, and the first after it.
Span = tuple[int, int]


class Segmenter:
    """Cuts texts by the tokens of a model."""

    def __init__(self, folder: Path) -> None:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        self._backend: Final = tokenizer.backend_tokenizer
        self._backend.no_padding()
        self._backend.no_truncation()

    def cut(self, texts: Sequence[str]) -> Iterator[list[str]]:
        """Yield the segments of each text, as far as models read it; a short text is one."""
        for start in range(0, len(texts), _BATCH):
            batch = [text[:MAX_CHARACTERS] for text in texts[start : start + _BATCH]]
            for text, encoding in zip(batch, self._backend.encode_batch(batch, add_special_tokens=False), strict=True):
                yield segments(text, encoding.offsets, SEGMENT_TOKENS)


def segments(text: str, tokens: Sequence[Span], most: int) -> list[str]:
    """Cut a text into segments of at most `most` of its tokens: between sentences, and within those that are longer."""
    if len(tokens) <= most:
        return [text]
    starts = [start for start, _ in tokens]
    ends = [bisect_left(starts, found.start()) for found in _SENTENCE_END.finditer(text)]
    cuts = [0]  # the token that each segment begins with
    for begin, end in pairwise([0, *ends, len(tokens)]):
        if end - cuts[-1] > most and begin > cuts[-1]:
            cuts.append(begin)
        while end - cuts[-1] > most:
            cuts.append(cuts[-1] + most)
    return [text[tokens[first][0] : tokens[last - 1][1]] for first, last in pairwise([*cuts, len(tokens)])]
