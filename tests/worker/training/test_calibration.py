"""Probabilities come to mean what they say, and nothing else about a model changes."""

from pathlib import Path

import numpy as np
import torch
from transformers import AutoModelForSequenceClassification

from moodmill.worker.training.calibration import Calibration, fit_calibration, fold
from tests.worker.builders import TEXTS, plain_tokenizer


def sigmoid(logits: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-logits)))


def labels_drawn_by(logits: np.ndarray, seed: int = 0) -> np.ndarray:
    """Labels for which the sigmoid of these logits is the exact probability."""
    drawn = np.random.default_rng(seed).random(logits.shape) < sigmoid(logits)
    return drawn.astype(np.float32)


def test_overconfident_logits_are_scaled_back() -> None:
    true = np.random.default_rng(1).normal(-1, 1.5, (20_000, 27)).astype(np.float32)
    found = fit_calibration(labels_drawn_by(true), 2 * true + 1)
    # the inverse of what was done to them
    np.testing.assert_allclose(found.scale, 0.5, atol=0.05)
    np.testing.assert_allclose(found.shift, -0.5, atol=0.1)


def test_calibrated_logits_stay_as_they_are() -> None:
    true = np.random.default_rng(2).normal(-1, 1.5, (20_000, 27)).astype(np.float32)
    found = fit_calibration(labels_drawn_by(true), true)
    np.testing.assert_allclose(found.scale, 1, atol=0.06)
    np.testing.assert_allclose(found.shift, 0, atol=0.08)


def test_an_emotion_with_two_examples_does_not_become_certain() -> None:
    # the two have the highest logits: without a prior, likelihood grows with the scale for ever
    logits = np.random.default_rng(3).normal(-7, 1, (2_000, 27)).astype(np.float32)
    labels = np.zeros_like(logits)
    labels[np.argsort(logits[:, 0])[-2:], 0] = 1
    assert 0.5 < fit_calibration(labels, logits).scale[0] < 2


def test_folded_into_the_head_it_gives_the_same_logits_to_all_who_load_the_model(tiny_model: Path) -> None:
    model = AutoModelForSequenceClassification.from_pretrained(tiny_model).eval()
    inputs = plain_tokenizer(tiny_model)(list(TEXTS), padding=True, return_tensors="pt")
    with torch.no_grad():
        before = model(**inputs).logits.numpy()
    random = np.random.default_rng(4)
    calibration = Calibration(
        scale=random.uniform(0.5, 2, 27).astype(np.float32), shift=random.normal(size=27).astype(np.float32)
    )
    fold(calibration, model)
    with torch.no_grad():
        after = model(**inputs).logits.numpy()
    np.testing.assert_allclose(after, calibration.applied(before), rtol=1e-4, atol=1e-5)
