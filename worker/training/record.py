"""What came of a training, in numbers, for pages and programs: `training.json` beside the weights."""

import json
from pathlib import Path
from typing import Any, Final

import numpy as np

from moodmill.db.core.emotions import EMOTIONS
from moodmill.worker.training.labelled import Labelled
from moodmill.worker.training.recipe import Recipe
from moodmill.worker.training.report import Report

#: Beside a model's weights.
FILE: Final = "training.json"


def training_record(
    recipe: Recipe, train: Labelled, unlabelled: int, dev: Labelled, steps: int, report: Report
) -> dict[str, Any]:
    """Return how a model was trained, of what, and how it does on dev.

    `train`: the labelled comments that it learned from; `unlabelled`: texts that it learned from by soft labels alone.
    """
    return {
        "loss": "binary cross-entropy of one sigmoid an emotion (torch's BCEWithLogitsLoss)",
        "optimizer": f"AdamW, weight decay {recipe.weight_decay:g}",
        "schedule": f"{recipe.rate:g}, linear warm-up over {recipe.warmup:.0%} of the steps, linear decay",
        "metric": "macro-F1",
        "epochs": recipe.epochs,
        "steps": steps,
        "dataset": {
            "name": recipe.data,
            "kind": "comments with any number of emotions",
            "train": len(train),
            "unlabelled": unlabelled,
            "dev": len(dev),
            "emotions_per_comment": round(float(train.targets.sum(axis=1).mean()), 4),
            "comments_by_emotion": dict(
                zip(EMOTIONS, (train.targets > 0).sum(axis=0).astype(np.int64).tolist(), strict=True)
            ),
        },
        "evaluation": {
            "data": "dev",
            "macro_f1": round(report.macro.f1, 4),
            "micro_f1": round(report.micro.f1, 4),
            "micro_average_precision": round(report.micro.average_precision, 4),
            "expected_calibration_error": round(report.ece, 4),
        },
    }


def write_record(record: dict[str, Any], folder: Path) -> None:
    (folder / FILE).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
