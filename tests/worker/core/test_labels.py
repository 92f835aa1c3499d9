"""Which output of a model is which emotion."""

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.errors import ModelError, SettingError
from moodmill.worker.core.labels import label_columns, read_order

OFFICIAL = (*EMOTIONS, "neutral")
UNNAMED = [f"LABEL_{number}" for number in range(28)]
SHUFFLED = random.Random(1).sample(OFFICIAL, 28)


def columns(labels: Sequence[str], order: Sequence[str] | None = None) -> list[int]:
    return label_columns(dict(enumerate(labels)), order, "org/model")


def test_names_are_found_in_any_order_and_case() -> None:
    named = [f" {name.upper()} " if number % 2 else name.title() for number, name in enumerate(SHUFFLED)]
    assert columns(named) == [SHUFFLED.index(name) for name in EMOTIONS]


def test_an_order_names_outputs_that_have_no_names() -> None:
    assert columns(UNNAMED, SHUFFLED) == [SHUFFLED.index(name) for name in EMOTIONS]


def test_the_order_of_goemotions_fits_a_model_without_neutral() -> None:
    assert columns(UNNAMED[:27], read_order("goemotions")) == list(range(27))


def test_without_an_order_outputs_without_names_are_refused() -> None:
    with pytest.raises(ModelError, match=r"org/model does not name its 28 labels: give their order by MOODMILL_LABELS"):
        columns(UNNAMED)


def test_an_order_of_another_length_is_refused() -> None:
    with pytest.raises(ModelError, match="has 5 outputs, MOODMILL_LABELS names 28"):
        columns(UNNAMED[:5], OFFICIAL)


def test_an_order_that_contradicts_the_model_s_own_names_is_refused() -> None:
    assert columns(OFFICIAL, OFFICIAL) == list(range(27))
    with pytest.raises(ModelError, match="names its labels in another order than MOODMILL_LABELS"):
        columns(OFFICIAL, SHUFFLED)


def test_a_label_that_a_model_names_twice_is_refused() -> None:
    with pytest.raises(ModelError, match="org/model names labels twice: joy, pride"):
        columns([*OFFICIAL, "JOY", " pride"])


def test_emotions_that_a_model_lacks_are_named() -> None:
    with pytest.raises(ModelError, match="lacks 2 of the 27 emotions among its labels: admiration, amusement;"):
        columns(OFFICIAL[2:])


@pytest.mark.parametrize("given", ["goemotions", " GoEmotions ", ",".join(OFFICIAL), ", ".join(OFFICIAL).upper()])
def test_an_order_is_a_word_or_names(given: str) -> None:
    assert read_order(given) == OFFICIAL


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_an_order_may_be_a_file_with_a_name_a_line(tmp_path: Path, ends: str) -> None:
    file = tmp_path / "labels.txt"
    file.write_text(ends.join(SHUFFLED) + ends, encoding="utf-8", newline="")
    assert read_order(str(file)) == tuple(SHUFFLED)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("nowhere.txt", "MOODMILL_LABELS is 'nowhere.txt': expected names with commas between, goemotions, or a file"),
        ("", "MOODMILL_LABELS is ''"),
        (",".join(OFFICIAL[3:]), "lacks admiration, amusement, anger: expected the 27 emotions, each once"),
        (",".join([*OFFICIAL, "joy"]), "names a label twice"),
    ],
)
def test_what_is_no_order_is_refused(given: str, said: str) -> None:
    with pytest.raises(SettingError, match=said):
        read_order(given)
