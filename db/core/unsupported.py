"""Why a model is not to be trusted on a text: what result rows say, and notes of a run count. Imports nothing."""

from typing import Final, Literal

#: "language": the text is mostly in another language than the model's; "tokens": it is mostly unknown to its tokenizer.
Reason = Literal["language", "tokens"]
REASONS: Final[tuple[Reason, ...]] = ("language", "tokens")
#: Kinds of the notes that count such texts.
NOTES: Final = {f"unsupported {reason}": reason for reason in REASONS}
