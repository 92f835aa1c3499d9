"""The real model and tokenizer, watched, and with the faults that texts and devices have."""

import threading
import weakref
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from moodmill.worker.inference.model import DeviceError, OutOfMemoryError
from moodmill.worker.inference.tokens import TextTokenizer, TokenIds
from moodmill.worker.inference.torch_model import TorchModel


class Watched(TorchModel):
    """The real model; notes the size of each micro-batch, and can be held up before it runs one."""

    def __init__(self, *given: object, **named: object) -> None:
        super().__init__(*given, **named)  # type: ignore[arg-type]
        self.batches: list[int] = []
        self.may_run = threading.Event()
        self.may_run.set()

    def probabilities(self, ids: Sequence[Sequence[int]], pad_id: int) -> NDArray[np.float32]:
        self.batches.append(len(ids))
        assert self.may_run.wait(60)
        return super().probabilities(ids, pad_id)


class Allergic(Watched):
    """Raises for any batch that holds one token."""

    bad_token = -1

    def probabilities(self, ids: Sequence[Sequence[int]], pad_id: int) -> NDArray[np.float32]:
        if any(self.bad_token in one for one in ids):
            raise IndexError("index out of range in self")
        return super().probabilities(ids, pad_id)


class Cramped(Watched):
    """A device with memory for so many tokens, padding included."""

    room = 64

    def __init__(self, *given: object, **named: object) -> None:
        super().__init__(*given, **named)
        self.refused = 0
        self.scratch: list[weakref.ref[torch.Tensor]] = []
        self.held_at_retry = 0

    def probabilities(self, ids: Sequence[Sequence[int]], pad_id: int) -> NDArray[np.float32]:
        self.held_at_retry += sum(one() is not None for one in self.scratch)
        if len(ids) * max(len(one) for one in ids) > self.room:
            self.refused += 1
            activations = torch.zeros(4)
            self.scratch.append(weakref.ref(activations))
            raise OutOfMemoryError("CUDA out of memory")
        return super().probabilities(ids, pad_id)


class Shared(Watched):
    """A device with memory for one micro-batch at a time."""

    def __init__(self, *given: object, **named: object) -> None:
        super().__init__(*given, **named)
        self.memory = threading.Lock()
        self.refused = 0

    def probabilities(self, ids: Sequence[Sequence[int]], pad_id: int) -> NDArray[np.float32]:
        if not self.memory.acquire(blocking=False):
            self.refused += 1
            raise OutOfMemoryError("CUDA out of memory")
        try:
            return super().probabilities(ids, pad_id)
        finally:
            self.memory.release()


class Dying(Watched):
    """A device that nothing works on after an error."""

    def probabilities(self, ids: Sequence[Sequence[int]], pad_id: int) -> NDArray[np.float32]:
        raise DeviceError("CUDA error: device-side assert triggered")


class Broken(Watched):
    """Raises for whatever it is given, so that no text is to blame."""

    def probabilities(self, ids: Sequence[Sequence[int]], pad_id: int) -> NDArray[np.float32]:
        raise IndexError("index out of range in self")


class Counted(TextTokenizer):
    """The real tokenizer; counts the texts it was given."""

    texts = 0

    def encode(self, texts: Sequence[str]) -> list[TokenIds]:
        encoded = super().encode(texts)
        self.texts += len(texts)
        return encoded
