"""Texts are learned from one by one and joined, in another way each epoch, with the emotions of all that are joined."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from moodmill.worker.training.encoder import Encoder, load_encoder
from moodmill.worker.training.examples import Curriculum, Examples
from moodmill.worker.training.recipe import Recipe
from moodmill.worker.training.targets import Targets, noisy_or
from tests.worker.architectures import FAMILIES, Family, make_of
from tests.worker.training.conftest import training_set

TEXTS = ["i love this", "thanks so much!", "a"]
LABELS = np.eye(27, dtype=np.float32)[[18, 15, 0]]
SOFT = np.full((3, 27), 0.1, dtype=np.float32)


@pytest.fixture(scope="module")
def encoder(tiny_model: Path) -> Encoder:
    return load_encoder(Recipe(encoder=str(tiny_model), max_tokens=12))


def test_a_single_text_has_the_ids_that_its_tokenizer_gives_it(encoder: Encoder) -> None:
    texts = [*TEXTS, "b " * 30]
    examples = Examples(encoder, texts, Targets.hard(np.zeros((4, 27), dtype=np.float32)))
    for row, text in enumerate(texts):
        plain = encoder.tokenizer(text, truncation=True, max_length=12)["input_ids"]
        assert examples[row]["input_ids"] == examples[row,]["input_ids"] == plain
        assert examples.length((row,)) == len(plain) - 2


@pytest.mark.parametrize("family", FAMILIES, ids=lambda one: one.name)
def test_joined_texts_stand_between_one_pair_of_special_tokens(family: Family, tmp_path: Path) -> None:
    encoder = load_encoder(Recipe(encoder=str(make_of(family, tmp_path / "encoder", ["x"]))))
    examples = Examples(encoder, TEXTS, Targets.hard(LABELS))
    apart = [encoder.tokenizer(text)["input_ids"] for text in TEXTS]
    bare = [encoder.tokenizer(text, add_special_tokens=False)["input_ids"] for text in TEXTS]
    found = examples[2, 0]["input_ids"]
    special = len(apart[0]) - len(bare[0])
    assert len(found) == len(bare[2]) + len(bare[0]) + special
    assert [one for one in found if one not in encoder.tokenizer.all_special_ids] == [*bare[2], *bare[0]]
    assert found[0] == apart[0][0]
    assert found[-1] == apart[0][-1]


def test_joined_texts_are_cut_at_the_limit_before_the_last(encoder: Encoder) -> None:
    examples = Examples(encoder, TEXTS, Targets.hard(LABELS))
    ids = examples[0, 1, 0, 1, 2]["input_ids"]
    assert len(ids) == 12
    assert examples.length((0, 1, 0, 1, 2)) == 10
    assert ids[-2:] == examples[2]["input_ids"][-2:]


def test_joined_texts_have_the_labels_of_all_and_the_soft_labels_of_any(encoder: Encoder) -> None:
    targets = Targets(labels=LABELS, soft=SOFT, label_share=0.25)
    found = Examples(encoder, TEXTS, targets)[0, 1]["labels"]
    assert found[[18, 15]] == pytest.approx(0.25 + 0.75 * 0.19)
    assert found[0] == pytest.approx(0.75 * 0.19)


def test_a_text_that_is_joined_to_itself_says_no_more_than_alone(encoder: Encoder) -> None:
    examples = Examples(encoder, TEXTS, Targets(labels=LABELS, soft=SOFT, label_share=0.5))
    assert np.array_equal(examples[1, 1]["labels"], examples[1]["labels"])


def test_labels_united_are_their_maximum() -> None:
    labels = (np.random.default_rng(0).random((5, 27)) < 0.2).astype(np.float32)
    assert np.array_equal(noisy_or(labels), labels.max(axis=0))


def test_each_epoch_has_all_texts_alone_and_all_comments_joined() -> None:
    curriculum = Curriculum(training_set(1_000, others=200), joined=16, seed=1)
    for number in (0, 1):
        epoch = curriculum.epoch(number)
        assert len(epoch) == len(curriculum)
        assert epoch[:1_200] == [(row,) for row in range(1_200)]
        assert sorted(row for rows in epoch[1_200:] for row in rows) == list(range(1_000))


def test_an_epoch_is_the_same_each_time_and_unlike_the_others() -> None:
    first = Curriculum(training_set(500), joined=16, seed=1)
    assert first.epoch(3) != first.epoch(4)
    assert first.epoch(3) == Curriculum(training_set(500), joined=16, seed=1).epoch(3)
    assert first.epoch(3) != Curriculum(training_set(500), joined=16, seed=2).epoch(3)


def test_most_joined_texts_are_short_and_some_are_long() -> None:
    sizes = Counter(len(rows) for rows in Curriculum(training_set(20_000), joined=16, seed=1).epoch(0)[20_000:])
    assert max(sizes) == 16
    assert all(sizes[size] for size in range(2, 17))
    joined = sizes.total()
    assert sizes[2] / joined == pytest.approx(0.8 * 0.3, abs=0.03)
    assert sum(sizes[size] for size in range(6, 17)) / joined == pytest.approx(0.2 + 0.8 * 0.7**4, abs=0.03)


@pytest.mark.parametrize("joined", [2, 3])
def test_no_joined_text_is_of_more_comments_than_asked_for(joined: int) -> None:
    assert max(map(len, Curriculum(training_set(100), joined=joined, seed=1).epoch(0))) == joined


def test_nothing_is_joined_unless_asked_for() -> None:
    assert Curriculum(training_set(5), joined=0, seed=1).epoch(2) == [(0,), (1,), (2,), (3,), (4,)]


def test_some_texts_of_each_epoch_get_an_emoji_or_are_one() -> None:
    curriculum = Curriculum(training_set(8_000, others=2_000, emoji=3), joined=0, seed=1)
    epoch = curriculum.epoch(0)
    assert len(epoch) == len(curriculum) == 10_000
    emoji = range(10_000, 10_003)
    with_emoji = [rows for rows in epoch if rows[-1] in emoji]
    assert len(with_emoji) == 500
    assert {row for rows in with_emoji for row in rows} > {*emoji}
    assert all(len({row for row in rows if row in emoji}) == 1 for rows in with_emoji)
    assert {sum(row in emoji for row in rows) for rows in with_emoji} == {1, 2, 3}
    alone = [rows for rows in with_emoji if rows[0] in emoji]
    assert len(alone) / len(with_emoji) == pytest.approx(0.3, abs=0.06)
    assert all(len(rows) == 1 for rows in epoch if rows[-1] not in emoji)
    assert epoch != curriculum.epoch(1)


def test_a_text_with_an_emoji_learns_of_both_alike(encoder: Encoder) -> None:
    # given a comment whose labels count for a half, and an emoji that only models know
    emoji = np.full(27, 0.8, dtype=np.float32)
    targets = Targets(labels=np.stack([LABELS[0], emoji]), soft=np.stack([SOFT[0], emoji]), label_share=0.5)
    examples = Examples(encoder, TEXTS[:2], targets)
    alone = examples[0]["labels"]
    assert examples[0, 1, 1, 1]["labels"] == pytest.approx(1 - (1 - alone) * (1 - 0.8))
