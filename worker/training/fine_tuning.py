"""Fine-tunes an encoder by a recipe, and leaves a folder that moodmill and plain transformers load.

A training that was killed goes on where its last checkpoint is when it is started again with the same recipe.
"""

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from transformers import PrinterCallback
from transformers.utils.logging import set_verbosity_error

from moodmill.db.core.atomicfile import atomic_file
from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.errors import ModelError
from moodmill.worker.core.settings import WorkerSettings
from moodmill.worker.inference.segments import Segmentation, write_segmentation
from moodmill.worker.inference.tokens import TextTokenizer
from moodmill.worker.inference.torch_model import choose_device, choose_precision
from moodmill.worker.training.calibration import fit_calibration, fold
from moodmill.worker.training.card import joined_section, model_card
from moodmill.worker.training.checkpoints import Keeper, begin, end, last_checkpoint, refuse_other
from moodmill.worker.training.crossfit import Figures, by_own_thresholds
from moodmill.worker.training.emoji import symbols
from moodmill.worker.training.encoder import Encoder, load_encoder
from moodmill.worker.training.evaluation import Answers
from moodmill.worker.training.examples import Curriculum, Examples
from moodmill.worker.training.joining import joined, judged_texts, to_fit, together
from moodmill.worker.training.labelled import Labelled, read_split
from moodmill.worker.training.pictures import draw_curves, draw_reliability
from moodmill.worker.training.progress import Progress, Reporter, Watcher
from moodmill.worker.training.recipe import Recipe
from moodmill.worker.training.record import training_record, write_record
from moodmill.worker.training.report import Report, judge
from moodmill.worker.training.soft_labels import SoftLabels, read_soft_labels, write_soft_labels
from moodmill.worker.training.targets import Targets
from moodmill.worker.training.teachers import ask
from moodmill.worker.training.thresholds import cross_tuned_f1, tune_thresholds
from moodmill.worker.training.trainer import EmotionTrainer
from moodmill.worker.training.trainingset import chosen, compose


def fine_tune(recipe: Recipe, out: Path, settings: WorkerSettings, watcher: Watcher) -> Report:
    """Train by a recipe, write the model to `out`, and return how it does on dev, by thresholds tuned there.

    Raises SettingError when `out` holds something else, SourceError or ModelError when data or encoder cannot be had.
    """
    set_verbosity_error()  # type: ignore[no-untyped-call]  # its remarks on a head that is fresh are no news here
    refuse_other(out)
    watcher(Progress(stage="reading"))
    train, dev = read_split(recipe.data, "train"), read_split(recipe.data, "dev")
    files = [Path(name) for name in recipe.soft_labels]
    work = begin(out, _description(recipe, train, dev, read_soft_labels(files)))
    if recipe.teachers:
        files.append(_asked(recipe, train, settings, work, watcher))
    learned = compose(recipe, train, dev, read_soft_labels(files))
    if learned.of_dev:
        watcher(Progress(stage="reading", remark=f"not learned from: {learned.of_dev:,} texts of dev with soft labels"))
    encoder = load_encoder(recipe)
    device = choose_device(settings.moodmill_device)
    trainer = EmotionTrainer(
        encoder,
        recipe,
        Curriculum(learned, recipe.joined, recipe.seed),
        Examples(encoder, learned.texts, learned.targets),
        Examples(encoder, dev.texts, Targets.hard(dev.targets)),
        work,
        cpu=device.type == "cpu",
        bf16=choose_precision(settings.moodmill_precision, device) == "bf16",
    )
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(Reporter(watcher))
    trainer.add_callback(Keeper())
    trainer.train(resume_from_checkpoint=last_checkpoint(work))
    watcher(Progress(stage="finishing"))
    model = work / "model"
    shutil.rmtree(model, ignore_errors=True)  # half written when the process was killed
    report = _finish(recipe, encoder, trainer, dev, model)
    unlabelled = len(learned) - learned.comments - learned.emoji
    record = training_record(recipe, chosen(recipe, train), unlabelled, dev, trainer.state.max_steps, report)
    write_record(record, model)
    end(out, model)
    return report


def _finish(recipe: Recipe, encoder: Encoder, trainer: Any, dev: Labelled, out: Path) -> Report:
    """Write the model, calibrated and with thresholds: fitted on joined comments, too, where it learned from such."""
    out.mkdir()
    encoder.tokenizer.save_pretrained(out)
    write_segmentation(Segmentation(tokens=recipe.segment_tokens or encoder.max_tokens), out)
    fitted = to_fit(dev, np.random.default_rng(recipe.seed)) if recipe.joined else dev
    long = joined(dev, judged_texts(dev), np.random.default_rng(0))  # those that `moodmill evaluate --joined` draws
    said = _said(recipe, encoder, trainer, together([fitted, *long.values()]).texts, out)
    of_fitted, *of_long = said.parted([len(fitted), *map(len, long.values())])
    calibration = fit_calibration(fitted.targets, of_fitted.logits, of_fitted.counts, of_fitted.pooling)
    fold(calibration, encoder.model)
    tuned = tune_thresholds(fitted.targets, of_fitted.probabilities(calibration))
    thresholds = {name: round(float(one), 3) for name, one in zip(EMOTIONS, tuned, strict=True)}
    singly, _ = of_fitted.parted([len(dev), len(fitted) - len(dev)])
    report = judge(dev.targets, singly.probabilities(calibration), thresholds)
    sizes = by_own_thresholds(long, [one.probabilities(calibration) for one in of_long], thresholds)
    parameters = sum(one.numel() for one in encoder.model.parameters())

    model = encoder.model.cpu()
    (model.half() if recipe.half else model.float()).save_pretrained(out)
    (out / "thresholds.json").write_text(json.dumps(thresholds, indent=2) + "\n")
    (out / "recipe.json").write_text(recipe.as_json())
    _draw(trainer.state.log_history, report, out)
    # Before the calibration, which has seen both halves.
    cross_tuned = cross_tuned_f1(dev.targets, singly.probabilities())
    long_texts = joined_section({1: Figures.of(report)} | sizes, judged_texts(dev))
    card = model_card(recipe, report, long_texts, cross_tuned, parameters)
    (out / "README.md").write_text(card, encoding="utf-8")
    return report


def _said(recipe: Recipe, encoder: Encoder, trainer: Any, texts: list[str], folder: Path) -> Answers:
    """Return what the model says of texts, segment by segment; its tokenizer is in the folder."""
    tokenizer = TextTokenizer(folder, encoder.max_tokens)
    segments, counts = tokenizer.cut(texts)
    nothing = Targets.hard(np.zeros((len(segments), len(EMOTIONS)), dtype=np.float32))
    logits = np.asarray(trainer.predict(Examples(encoder, segments, nothing)).predictions, dtype=np.float32)
    if not np.isfinite(logits).all():
        raise ModelError(f"the training diverged, its logits are not finite: try a rate below {recipe.rate:g}")
    return Answers(logits=logits, counts=counts, pooling=tokenizer.segmentation.pooling)


def _draw(history: list[dict[str, float]], report: Report, out: Path) -> None:
    losses, scores = (
        [(one["epoch"], one[name]) for one in history if name in one] for name in ("loss", "eval_macro_f1")
    )
    draw_curves(losses, scores, out / "curves.png")
    draw_reliability(report, out / "reliability.png")


def _asked(recipe: Recipe, train: Labelled, settings: WorkerSettings, work: Path, watcher: Watcher) -> Path:
    """Return a file of what the teachers say, which is kept, so that a resumed training need not ask them again."""
    kept = work / "soft-labels.parquet"
    if not kept.exists():

        def on_progress(step: int, steps: int) -> None:
            watcher(Progress(stage="asking the teachers", step=step, steps=steps))

        asked = {text: text for text in chosen(recipe, train).texts}
        if recipe.emoji:
            asked |= symbols()
        said = ask(recipe.teachers, asked, settings, on_progress)
        with atomic_file(kept) as file:
            write_soft_labels(said, file)
    return kept


def _description(recipe: Recipe, train: Labelled, dev: Labelled, soft: SoftLabels) -> dict[str, Any]:
    """Return what identifies a training: its recipe, and a digest of its data."""
    digest = hashlib.sha256()
    for texts, numbers in (
        (train.texts, train.targets),
        (dev.texts, dev.targets),
        (soft.texts, soft.probabilities),
    ):
        digest.update("\0".join(texts).encode("utf-8", "surrogatepass"))
        digest.update(numbers.tobytes())
    return {"recipe": json.loads(recipe.as_json()), "data": digest.hexdigest()}
