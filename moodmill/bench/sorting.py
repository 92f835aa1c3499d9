"""Our sorting, for peers: what is left is the way the model itself is run."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from moodmill.worker.inference.microbatch import cut
from moodmill.worker.inference.tokens import TextTokenizer

#: Tokens of a micro-batch where texts are sorted, padding included: best for ONNX Runtime and OpenVINO on two cores.
SORTED_TOKENS: Final = 2_048


def padded_batches(
    tokenizer: TextTokenizer, texts: Sequence[str], budget: int
) -> Iterator[tuple[list[int], NDArray[np.int64], NDArray[np.int64]]]:
    """Yield micro-batches of n texts each: their rows among the texts, ids [n, length], and mask [n, length].

    The longest texts come first. Each text is a segment, as peers are given them.
    """
    encoded = [text.segments[0] for text in tokenizer.encode(texts)]
    numbers = {id(one): row for row, one in enumerate(encoded)}
    for batch in cut(encoded, budget):
        ids = np.full((len(batch), batch[0].length), tokenizer.pad_id, dtype=np.int64)
        for row, one in enumerate(batch):
            ids[row, : one.length] = one.ids
        mask = (np.arange(ids.shape[1]) < np.array([[one.length] for one in batch])).astype(np.int64)
        yield [numbers[id(one)] for one in batch], ids, mask
