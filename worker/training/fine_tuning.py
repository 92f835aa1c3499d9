"""Fine-tunes an encoder by a recipe, and leaves a folder that moodmill and plain transformers load.

A training that was killed goes on where its last checkpoint is when it is started again with the same recipe.
"""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from transformers import PrinterCallback
from transformers.utils.logging import set_verbosity_error

from db.emotions import EMOTIONS
from db.errors import ModelError, SettingError
from worker.model import choose_device, choose_precision
from worker.settings import WorkerSettings
from worker.training.calibration import fit_calibration, fold
from worker.training.card import model_card
from worker.training.encoder import Encoder, load_encoder
from worker.training.labelled import Labelled, read_split
from worker.training.pictures import draw_curves, draw_reliability
from worker.training.progress import Progress, Reporter, Watcher
from worker.training.recipe import Recipe
from worker.training.report import Report, judge
from worker.training.teachers import softened
from worker.training.thresholds import cross_tuned_f1, tune_thresholds
from worker.training.trainer import EmotionTrainer, Examples, sigmoid

#: Stands in the model's folder as long as the training has not ended.
CHECKPOINTS: Final = "checkpoints"


def fine_tune(recipe: Recipe, out: Path, settings: WorkerSettings, watcher: Watcher) -> Report:
    """Train by a recipe, write the model to `out`, and return how it does on dev, by thresholds tuned there.

    Raises SettingError when `out` holds something else, SourceError or ModelError when data or encoder cannot be had.
    """
    set_verbosity_error()  # type: ignore[no-untyped-call]  # its remarks on a head that is fresh are no news here
    _refuse_finished(out)
    watcher(Progress(stage="reading"))
    train, dev = read_split(recipe.data, "train"), read_split(recipe.data, "dev")
    train = train.first(recipe.limit or len(train))
    work = _workplace(out, recipe, train, dev)
    targets = _targets(recipe, train, settings, work, watcher)
    encoder = load_encoder(recipe)
    device = choose_device(settings.moodmill_device)
    trainer = EmotionTrainer(
        encoder,
        recipe,
        Examples(encoder, train.texts, targets),
        Examples(encoder, dev.texts, dev.targets),
        work,
        cpu=device.type == "cpu",
        bf16=choose_precision(settings.moodmill_precision, device) == "bf16",
    )
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(Reporter(watcher))
    trainer.train(resume_from_checkpoint=_last_checkpoint(work))
    watcher(Progress(stage="finishing"))
    report = _finish(recipe, encoder, trainer, dev, out)
    shutil.rmtree(work)
    return report


def _finish(recipe: Recipe, encoder: Encoder, trainer: Any, dev: Labelled, out: Path) -> Report:
    logits = np.asarray(trainer.predict(trainer.eval_dataset).predictions, dtype=np.float32)
    if not np.isfinite(logits).all():
        raise ModelError(f"the training diverged, its logits are not finite: try a rate below {recipe.rate:g}")
    calibration = fit_calibration(dev.targets, logits)
    fold(calibration, encoder.model)
    probabilities = sigmoid(calibration.applied(logits))
    tuned = tune_thresholds(dev.targets, probabilities)
    thresholds = {name: round(float(one), 3) for name, one in zip(EMOTIONS, tuned, strict=True)}
    report = judge(dev.targets, probabilities, thresholds)
    parameters = sum(one.numel() for one in encoder.model.parameters())

    model = encoder.model.cpu()
    (model.half() if recipe.half else model.float()).save_pretrained(out)
    encoder.tokenizer.save_pretrained(out)
    (out / "thresholds.json").write_text(json.dumps(thresholds, indent=2) + "\n")
    (out / "recipe.json").write_text(recipe.as_json())
    _draw(trainer.state.log_history, report, out)
    # Before the calibration, which has seen both halves.
    card = model_card(recipe, report, cross_tuned_f1(dev.targets, sigmoid(logits)), parameters)
    (out / "README.md").write_text(card, encoding="utf-8")
    return report


def _draw(history: list[dict[str, float]], report: Report, out: Path) -> None:
    losses, scores = (
        [(one["epoch"], one[name]) for one in history if name in one] for name in ("loss", "eval_macro_f1")
    )
    draw_curves(losses, scores, out / "curves.png")
    draw_reliability(report, out / "reliability.png")


def _targets(
    recipe: Recipe, train: Labelled, settings: WorkerSettings, work: Path, watcher: Watcher
) -> NDArray[np.float32]:
    """Return what to learn; what teachers say is kept, so that a resumed training need not ask them again."""
    if not recipe.teachers:
        return train.targets
    kept = work / "targets.npy"
    if not kept.exists():
        whole = work / "targets.part.npy"

        def told(step: int, steps: int) -> None:
            watcher(Progress(stage="asking the teachers", step=step, steps=steps))

        np.save(whole, softened(train, recipe, settings, told))
        whole.rename(kept)
    found: NDArray[np.float32] = np.load(kept)
    return found


def _refuse_finished(out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise SettingError(f"{out} is no folder")
    if out.exists() and any(out.iterdir()) and not (out / CHECKPOINTS).exists():
        raise SettingError(f"{out} is not empty, and holds no training to go on with: name a new folder")


def _workplace(out: Path, recipe: Recipe, train: Labelled, dev: Labelled) -> Path:
    """Return the folder of the checkpoints; raise SettingError when those in it are of another training."""
    work = out / CHECKPOINTS
    digest = hashlib.sha256()
    for part in (train, dev):
        digest.update("\0".join(part.texts).encode("utf-8", "surrogatepass"))
        digest.update(part.targets.tobytes())
    wanted = {"recipe": json.loads(recipe.as_json()), "data": digest.hexdigest()}
    begun = work / "begun.json"
    if begun.exists():
        was = json.loads(begun.read_text())
        if was != wanted:
            other = [name for name, value in wanted["recipe"].items() if was["recipe"].get(name) != value]
            raise SettingError(
                f"{out} holds a training that has not ended, with another {', '.join(other) or 'content of the data'}: "
                "repeat its own settings to go on with it, or name a new folder"
            )
        return work
    try:
        work.mkdir(parents=True, exist_ok=True)
        begun.write_text(json.dumps(wanted))
    except OSError as error:
        raise SettingError(f"{out} cannot be written: {error.strerror}") from error
    return work


def _last_checkpoint(work: Path) -> str | None:
    """Return the newest checkpoint that is whole: the Trainer writes its state last."""
    for folder in sorted(work.glob("checkpoint-*"), key=lambda one: int(one.name.split("-")[1]), reverse=True):
        try:
            json.loads((folder / "trainer_state.json").read_text())
        except (OSError, ValueError):
            shutil.rmtree(folder)  # half written when the process was killed
            continue
        return str(folder)
    return None
