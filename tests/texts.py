"""Texts as people, programs and enemies write them, for property tests; and how many of them a test tries."""

import os
from typing import Any, Final

from hypothesis import settings
from hypothesis import strategies as st

#: How many times as many examples each property test tries: `make sweep` sets it.
_TIMES: Final = int(os.environ.get("EXAMPLES", "1"))

#: Characters that break lines, quotes, encodings, tokenizers and stores, more often than chance brings them.
NASTY = st.text(st.sampled_from("\0\r\n\t\",'\\[]{}é\u2028\ufeff\u200d😀a1 "), max_size=30)
#: What a Comment may hold: no NUL and no lone surrogate.
CLEAN = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")) | NASTY.map(
    lambda text: text.replace("\0", "")
)


def several(examples: int, **others: Any) -> settings:
    """Return the settings of a property test that tries so many examples in `make test`, each as long as it takes."""
    return settings(max_examples=examples * _TIMES, deadline=None, **others)


def is_storable(text: str) -> bool:
    """Whether every store and tokenizer takes a text."""
    return "\0" not in text and not any("\ud800" <= one <= "\udfff" for one in text)
