"""Joined comments carry the emotions of all of them, and no comment judges what was fitted on it."""

from collections.abc import Sequence

import numpy as np
import pytest

from moodmill.worker.inference.segments import Pooling
from moodmill.worker.training import crossfit
from moodmill.worker.training.calibration import fit_calibration
from moodmill.worker.training.crossfit import Ask, by_size, cross_fit, differences
from moodmill.worker.training.evaluation import Answers
from moodmill.worker.training.joining import halvings, sized, to_fit
from moodmill.worker.training.labelled import Labelled


def labelled(n: int, seed: int = 0) -> Labelled:
    """Comments of one word, each with at most one emotion, and which is known by its word."""
    emotions = np.random.default_rng(seed).integers(0, 30, n)
    targets = np.zeros((n, 30), dtype=np.float32)
    targets[np.arange(n), emotions] = 1
    return Labelled(texts=[f"w{row}e{emotion}" for row, emotion in enumerate(emotions)], targets=targets[:, :27])


def carried(text: str) -> list[float]:
    emotions = {int(word.split("e")[1]) for word in text.split()}
    return [float(one in emotions) for one in range(27)]


def answer(strength: float, seed: int = 0) -> Ask:
    """A model that reads word by word, knows what each carries, and says so with a strength in logits, and noise."""

    def ask(texts: Sequence[str]) -> Answers:
        words = [word for text in texts for word in text.split()]
        noise = np.random.default_rng(seed).normal(size=(len(words), 27))
        logits = np.array([[strength * (2 * has - 1) - 2 for has in carried(word)] for word in words]) + noise
        counts = np.array([len(text.split()) for text in texts], dtype=np.int32)
        return Answers(logits=logits.astype(np.float32), counts=counts, pooling="noisy-or")

    return ask


def test_a_joined_text_carries_the_emotions_of_its_comments() -> None:
    found = sized(labelled(50), 20, np.random.default_rng(1))
    assert [*found] == [1, 2, 4, 8]
    assert found[1].texts == labelled(50).texts
    for size in (2, 4, 8):
        assert len(found[size]) == 20
        for text, targets in zip(found[size].texts, found[size].targets, strict=True):
            assert len(set(text.split())) == size
            assert targets.tolist() == carried(text)


def test_short_texts_are_most_of_what_is_fitted_on() -> None:
    assert len(to_fit(labelled(600), np.random.default_rng(0))) == 600 + 3 * 100


def test_halves_share_no_comment_and_each_judges_the_other() -> None:
    pairs = [*halvings(labelled(41), 3)]
    assert len(pairs) == 6
    for fitted, judged in pairs:
        assert sorted(fitted.texts + judged.texts) == sorted(labelled(41).texts)
    assert (pairs[0][0].texts, pairs[0][1].texts) == (pairs[1][1].texts, pairs[1][0].texts)
    assert pairs[0][0].texts != pairs[2][0].texts


def test_texts_that_are_read_in_segments_are_calibrated_as_they_are_read() -> None:
    judged = by_size(cross_fit(labelled(1_500), 300, answer(1.0), halves=1))
    for size, figures in judged.items():
        assert figures.share == pytest.approx(1, abs=0.08), size
        assert figures.ece < 0.04, size


@pytest.mark.parametrize("pooling", ["noisy-or", "max"])
def test_the_calibration_of_segments_undoes_what_was_done_to_them(pooling: Pooling) -> None:
    random = np.random.default_rng(3)
    true = random.normal(-2, 1.5, (12_000, 27)).astype(np.float32)
    counts = np.tile(np.array([1, 1, 1, 1, 2, 2, 2, 2, 12], dtype=np.int32), 500)
    says = Answers(logits=true, counts=counts, pooling=pooling).probabilities()
    labels = (random.random(says.shape) < says).astype(np.float32)
    found = fit_calibration(labels, 2 * true + 1, counts, pooling)
    np.testing.assert_allclose(found.scale, 0.5, atol=0.08)
    np.testing.assert_allclose(found.shift, -0.5, atol=0.2)


def test_a_difference_has_an_interval_that_holds_0_only_where_models_are_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(crossfit, "RESAMPLES", 5)
    comments = labelled(400)
    good, same, bad = (cross_fit(comments, 100, answer(strength), halves=1) for strength in (2.0, 2.0, 0.5))
    better, alike = differences(good, bad), differences(good, same)
    for size in (1, 8):
        low, high = better[size]["micro_f1"]
        assert 0 < low < high
        assert alike[size]["micro_f1"] == (0, 0)


def test_answers_are_parted_by_texts_and_not_by_segments() -> None:
    answers = Answers(
        logits=np.arange(6, dtype=np.float32)[:, None], counts=np.array([1, 3, 2], dtype=np.int32), pooling="max"
    )
    one, other = answers.parted([2, 1])
    assert one.logits.ravel().tolist() == [0, 1, 2, 3]
    assert (other.logits.ravel().tolist(), other.counts.tolist()) == ([4, 5], [2])
