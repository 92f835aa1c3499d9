"""Whatever a comment says, and whatever comes over Redis: no crash, and each thing has an answer."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moodmill.db.core.comment import Comment
from moodmill.db.core.errors import MoodmillError
from moodmill.worker.inference.classifier import load_classifier
from moodmill.worker.inference.repository import find_model
from moodmill.worker.queue.envelope import InvalidMessageError, accept
from moodmill.worker.queue.message import ChunkMessage, read_message
from tests.texts import CLEAN, several
from tests.worker.builders import settings_for

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=10,
)
COMMENT = st.builds(Comment, id=CLEAN.filter(bool), text=CLEAN, position=st.integers(0, 2**62))
RUN = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=100)
MESSAGE = st.builds(
    ChunkMessage,
    version=st.just(1),
    run=RUN,
    number=st.integers(0, 2**31 - 1),
    source_number=st.integers(0, 99),
    source=CLEAN,
    comments=st.lists(COMMENT, max_size=4),
    keep_text=st.booleans(),
)


def test_any_text_is_classified(tiny_model: Path) -> None:
    wanted = settings_for(tiny_model)
    with load_classifier(find_model(wanted), wanted) as classifier:

        @several(100)
        @given(st.lists(CLEAN | CLEAN.map(lambda text: 50 * text), max_size=5))
        def check(texts: list[str]) -> None:
            found = classifier.classify(texts)
            assert found.errors == {}
            assert found.probabilities.shape == (len(texts), 27)
            assert np.all((found.probabilities >= 0) & (found.probabilities <= 1))
            assert np.all(found.tokens <= 512 * found.segments)

        check()


@several(100)
@given(MESSAGE)
def test_a_message_says_the_same_on_the_other_side(message: ChunkMessage) -> None:
    assert read_message(json.loads(json.dumps(message.to_json()))) == message


@several(100)
@given(MESSAGE, st.sampled_from(["version", "run", "number", "comments", "x"]), JSON)
def test_a_message_with_a_changed_field_is_read_or_refused(message: ChunkMessage, field: str, value: Any) -> None:
    with suppress(MoodmillError):
        changed = read_message(message.to_json() | {field: value})
        assert getattr(changed, field) == value or field == "comments"


@several(200)
@given(JSON)
def test_what_is_no_message_is_refused_in_one_line(received: Any) -> None:
    with pytest.raises(MoodmillError, match=r"^.+$"):
        read_message(received)


@several(200)
@given(JSON)
def test_what_is_none_of_celerys_stays_outside(item: Any) -> None:
    with pytest.raises(InvalidMessageError):
        accept(json.dumps(item).encode())


@pytest.mark.parametrize("field", ["version", "comments", "number"])
def test_a_field_of_another_kind_is_refused(field: str) -> None:
    message = ChunkMessage(run="r", number=0, source_number=0, source="s", comments=[])
    with pytest.raises(MoodmillError, match="expected a chunk message"):
        read_message(message.to_json() | {field: "three"})
