"""Texts become token ids."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tokenizers import Tokenizer
from transformers import AutoTokenizer

from db.errors import ModelError

#: The most tokens of a text that are classified, special ones included; the classic limit of BERT.
MAX_TOKENS: Final = 512


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
        except (OSError, ValueError, KeyError) as error:
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
        self._backend: Final[Tokenizer] = tokenizer.backend_tokenizer
        self._backend.no_padding()
        self._backend.enable_truncation(self.limit)

    def encode(self, texts: Sequence[str]) -> list[TokenIds]:
        """Return the token ids of each text, cut at the limit."""
        encodings = self._backend.encode_batch_fast(list(texts))
        return [TokenIds(ids=one.ids, truncated=bool(one.overflowing)) for one in encodings]
