"""The training itself, on the Trainer of transformers: the loss, the learning rates, and what a step sees."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import binary_cross_entropy_with_logits
from torch.utils.data import Sampler
from transformers import DataCollatorWithPadding, EvalPrediction, Trainer, TrainingArguments

from moodmill.worker.inference.logits import sigmoid
from moodmill.worker.training.encoder import Encoder
from moodmill.worker.training.examples import Curriculum, Examples, Rows
from moodmill.worker.training.layers import count_layers, layer_of
from moodmill.worker.training.recipe import Recipe
from moodmill.worker.training.thresholds import cross_tuned_f1

#: Batches that are shuffled together before they are sorted by length: padding stays low and the order random.
BUCKET_BATCHES: Final = 50
#: Steps between two checkpoints: about four minutes of the small model on two cores.
CHECKPOINT_STEPS: Final = 500
#: Steps between two figures of the loss.
LOG_STEPS: Final = 25
#: Comments of a forward pass on dev.
EVALUATION_BATCH: Final = 64


class ByLength(Sampler[Rows]):
    """The examples of an epoch in a random order that puts texts of like length into one batch."""

    def __init__(self, curriculum: Curriculum, length: Callable[[Rows], int], batch: int, seed: int) -> None:
        self._curriculum, self._length, self._batch, self._seed, self._epoch = curriculum, length, batch, seed, 0

    def set_epoch(self, epoch: int) -> None:
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._curriculum)

    def __iter__(self) -> Iterator[Rows]:
        examples = self._curriculum.epoch(self._epoch)
        lengths = np.array([self._length(rows) for rows in examples])
        random_rows = np.random.default_rng((self._seed, self._epoch))
        order = random_rows.permutation(len(examples))
        bucket = self._batch * BUCKET_BATCHES
        batches: list[NDArray[np.int64]] = []
        for start in range(0, len(order), bucket):
            some = order[start : start + bucket]
            some = some[np.argsort(lengths[some], kind="stable")]
            batches.extend(some[at : at + self._batch] for at in range(0, len(some), self._batch))
        # The short batch goes last: elsewhere it would shift the borders of those after it.
        batches, short = ([one for one in batches if (len(one) == self._batch) is full] for full in (True, False))
        random_rows.shuffle(batches)
        for batch in (*batches, *short):
            yield from (examples[at] for at in batch)


class EmotionTrainer(Trainer):
    """One sigmoid per emotion under binary cross-entropy, AdamW, linear warm-up and decay."""

    def __init__(
        self,
        encoder: Encoder,
        recipe: Recipe,
        curriculum: Curriculum,
        train: Examples,
        dev: Examples,
        folder: Path,
        *,
        cpu: bool,
        bf16: bool,
    ) -> None:
        self._recipe, self._encoder = recipe, encoder
        self._order = ByLength(curriculum, train.length, recipe.batch, recipe.seed)
        super().__init__(
            model=encoder.model,
            args=TrainingArguments(
                output_dir=str(folder),
                seed=recipe.seed,
                num_train_epochs=recipe.epochs,
                per_device_train_batch_size=recipe.batch,
                per_device_eval_batch_size=EVALUATION_BATCH,
                warmup_steps=recipe.warmup,
                lr_scheduler_type="linear",
                max_grad_norm=1.0,
                bf16=bf16,
                use_cpu=cpu,
                eval_strategy="epoch",
                save_strategy="steps",
                save_steps=CHECKPOINT_STEPS,
                save_total_limit=2,  # one may be half written when the process is killed
                logging_steps=LOG_STEPS,
                disable_tqdm=True,
                report_to="none",
                remove_unused_columns=False,
                dataloader_pin_memory=not cpu,
            ),
            train_dataset=train,
            eval_dataset=dev,
            processing_class=encoder.tokenizer,
            data_collator=DataCollatorWithPadding(encoder.tokenizer),
            compute_metrics=_figures,
        )

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[Any]:
        return self._order

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """Give the head its own rate, and each layer a share of the rate of the one above it."""
        named = list(self._encoder.model.named_parameters())
        layers = count_layers(name for name, _ in named)
        named = [(name, parameter) for name, parameter in named if parameter.requires_grad]
        groups: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
        for name, parameter in named:
            decay = self._recipe.weight_decay if parameter.ndim > 1 else 0.0
            groups.setdefault((self._rate(name, layers), decay), []).append(parameter)
        self.optimizer = torch.optim.AdamW(
            [{"params": chosen, "lr": rate, "weight_decay": decay} for (rate, decay), chosen in groups.items()],
            fused=True,
        )
        return self.optimizer

    def _rate(self, name: str, layers: int) -> float:
        if name in self._encoder.fresh:
            return self._recipe.head_rate
        below_top = max(0, layers - 1 - layer_of(name, layers))
        return self._recipe.rate * self._recipe.layer_decay**below_top

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Return the binary cross-entropy, averaged over comments and emotions."""
        targets = inputs.pop("labels")
        if model.training:
            inputs["input_ids"] = self._mask_tokens(inputs["input_ids"])
        outputs = model(**inputs)
        loss = binary_cross_entropy_with_logits(outputs.logits.float(), targets.float())
        return (loss, outputs) if return_outputs else loss

    def _mask_tokens(self, ids: torch.Tensor) -> torch.Tensor:
        """Hide a share of the tokens behind the mask token. Drawn here, where a resumed training draws the same."""
        tokenizer = self._encoder.tokenizer
        if not self._recipe.token_masking or tokenizer.mask_token_id is None:
            return ids
        special = torch.isin(ids, torch.tensor(tokenizer.all_special_ids, device=ids.device))
        chosen = torch.rand(ids.shape, device=ids.device) < self._recipe.token_masking
        return ids.masked_fill(chosen & ~special, tokenizer.mask_token_id)


def _figures(prediction: EvalPrediction) -> dict[str, float]:
    return {"macro_f1": cross_tuned_f1(np.asarray(prediction.label_ids), sigmoid(np.asarray(prediction.predictions)))}
