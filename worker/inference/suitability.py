"""Finds texts that a model was not made for: its probabilities for them are noise."""

import re
from dataclasses import dataclass
from typing import Final, Literal

import pycld2

from moodmill.db.core.unsupported import Reason

#: Languages that can be asked for. Of others it is not measured how often a text passes for another language wrongly.
Language = Literal["en"]
#: What CLD2 calls English: Scots is mostly slang on Reddit. Where it does not know, it is sure of nothing.
_ENGLISH: Final = {"en", "sco", "un"}
#: What is in no language: CLD2 would read the letters of an address.
_ADDRESS: Final = re.compile(r"(?:https?://|www\.)[^\s)\]>]+")
#: Bytes of letters, in UTF-8, from which on CLD2 is believed: "Ich bin so glücklich" has as many. Of GoEmotions' 43,410
#: English comments, 11 pass for another language by this rule, and without a limit 35.
MIN_BYTES: Final = 20
#: The share of a text's tokens that may be unknown.
MOSTLY: Final = 0.5


@dataclass(frozen=True, kw_only=True)
class Suitability:
    """What a model was made for."""

    #: The one language that it reads; None: any, or nobody knows.
    language: Language | None

    def lacks(self, text: str, unknown: float) -> Reason | None:
        """Return why the model is not made for a text; None: nothing speaks against it.

        `unknown`: the share of its tokens that the model's vocabulary does not have.
        """
        if self.language == "en" and _is_foreign(text):
            return "language"
        return "tokens" if unknown > MOSTLY else None


def _is_foreign(text: str) -> bool:
    """Tell whether a text is for sure, and mostly, in another language than English."""
    text = _ADDRESS.sub(" ", text)
    try:
        is_sure, letters, languages = pycld2.detect(text)
    except pycld2.error:  # of control characters and the like
        is_sure, letters, languages = pycld2.detect("".join(one if one.isprintable() else " " for one in text))
    return is_sure and letters >= MIN_BYTES and languages[0][1] not in _ENGLISH
