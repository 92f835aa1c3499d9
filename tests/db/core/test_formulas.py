"""Texts that a spreadsheet would run are marked as text, and others stay as they are."""

import pytest

from moodmill.db.core.formulas import harmless


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        '=HYPERLINK("http://x","y")',
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "\uff1d1",
        "\uff0b1",
        "\uff0d1",
        "\uff201",
    ],
)
def test_a_text_that_begins_as_a_formula_is_marked_as_text(text: str) -> None:
    assert harmless(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "1+1", "a=b", " =1", "'=1", "r/cats", "line\n=1", "e-mail@example.com"])
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert harmless(text) == text


def test_a_marked_text_is_marked_once() -> None:
    assert harmless(harmless("=1")) == "'=1"
