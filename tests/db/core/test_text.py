"""What a reader would see of a text."""

import unicodedata

import pytest

from moodmill.db.core.text import is_visible


@pytest.mark.parametrize(
    "text",
    [
        "a",
        " \n.",
        "\u200b\u200bé",
        "?",
        "![gif](giphy|3o7abKhOpu0NwenH3O)",
        "😀",
        "👍🏽",
        "🇫🇷",
        "❤\ufe0f",
        "\U0001fae8",  # an emoji of Unicode 15, which Python 3.11 does not know
        "\uf8ff",  # private: a logo in some fonts
        "\ufffd so broken",
        "ไ",
        "가",
        "\u0905",
        "⠓",
    ],
)
def test_a_text_with_a_mark_is_visible(text: str) -> None:
    assert is_visible(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \t\r\n",
        "\xa0\u3000\u2028",
        "\u200b",
        "\u2060\u200d\ufeff\u00ad",
        "\u200e\u202e\u2066\u061c",
        "\ufe0f\U000e0100\u180b",
        "\u0301",
        "\u20e3",
        "\u115f\u1160\u3164\uffa0",
        "\u2800\n\u2800",
        "\0\x1b\x7f\x85",
        "\ufffd",
        "\ufffc",
        "\ufffe\uffff",
        "\U000e0001\U000e007f",
    ],
)
def test_a_text_that_leaves_no_mark_is_not(text: str) -> None:
    assert not is_visible(text)
    assert is_visible(f"{text}x{text}")


def test_every_letter_and_number_is_visible_but_the_fillers() -> None:
    letters = [chr(code) for code in range(0x30000) if unicodedata.category(chr(code))[0] in "LN"]
    assert {letter for letter in letters if not is_visible(letter)} == {"\u115f", "\u1160", "\u3164", "\uffa0"}
