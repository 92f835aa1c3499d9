"""Texts as people, programs and enemies write them, for property tests."""

from hypothesis import strategies as st

#: Characters that break lines, quotes, encodings, tokenizers and stores, more often than chance brings them.
NASTY = st.text(st.sampled_from("\0\r\n\t\",'\\[]{}é\u2028\ufeff\u200d😀a1 "), max_size=30)
#: What a Comment may hold: no NUL and no lone surrogate.
CLEAN = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")) | NASTY.map(
    lambda text: text.replace("\0", "")
)


def is_storable(text: str) -> bool:
    """Whether every store and tokenizer takes a text."""
    return "\0" not in text and not any("\ud800" <= one <= "\udfff" for one in text)
