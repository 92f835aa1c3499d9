"""Texts become token ids."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tokenizers import Tokenizer
from transformers import AutoTokenizer

from db.errors import ModelError

#: The most tokens of a text that are classified, special ones included; the classic limit of BERT.
MAX_TOKENS: Final = 512
#: Characters of a text that are tokenized: a tokenizer goes through all of it, at up to 400 bytes and 5 µs a character,
#: before it keeps MAX_TOKENS tokens. Real comments have up to 40,000.
MAX_CHARACTERS: Final = 100_000
#: Characters of the texts that are tokenized at once, by each task thread: most chunks as a whole.
BATCH_CHARACTERS: Final = 2 * MAX_CHARACTERS


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenIds:
    """A text as the model sees it."""

    ids: list[int]
    #: Whether the text was longer than the limit and only its beginning is here.
    truncated: bool

    @property
    def length(self) -> int:
        return len(self.ids)


class TextTokenizer:
    """A model's own tokenizer. May be used from several threads at once."""

    def __init__(self, folder: Path, max_tokens: int) -> None:
        """Load the tokenizer. Raises ModelError when the folder holds none."""
        try:
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        except (OSError, ValueError, KeyError, ImportError) as error:
            reason = str(error).strip().split("\n")[0]
            raise ModelError(f"cannot load the tokenizer of the model {folder}: {reason}") from error
        if set(tokenizer.get_vocab().values()) <= set(tokenizer.all_special_ids):
            # What transformers makes of a folder without a vocabulary: every word of every text is unknown to it.
            raise ModelError(
                f"the model {folder} has no vocabulary: expected tokenizer.json, or vocab.txt and the like"
            )
        self.highest_id: Final = max(tokenizer.get_vocab().values())
        self.limit: Final = min(max_tokens, MAX_TOKENS, tokenizer.model_max_length)
        self.pad_id: Final = int(tokenizer.pad_token_id or 0)
        empty = tokenizer.encode("")
        #: Special tokens that are added to each text.
        self.added: Final = len(empty)
        #: The id of what the vocabulary does not have, if nothing else has it.
        self.unknown_id: Final = None if tokenizer.unk_token_id in empty else tokenizer.unk_token_id
        self._backend: Final[Tokenizer] = tokenizer.backend_tokenizer
        self._backend.no_padding()
        self._backend.enable_truncation(self.limit)

    def encode(self, texts: Sequence[str]) -> list[TokenIds]:
        """Return the token ids of each text, of MAX_CHARACTERS at most, cut at the limit."""
        return [ids for batch in _batches(texts) for ids in self._encode(batch)]

    def _encode(self, texts: Sequence[str]) -> Iterator[TokenIds]:
        encodings = self._backend.encode_batch_fast([text[:MAX_CHARACTERS] for text in texts])
        for text, encoding in zip(texts, encodings, strict=True):
            truncated = bool(encoding.overflowing) or len(text) > MAX_CHARACTERS
            yield TokenIds(ids=encoding.ids, truncated=truncated)


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
