"""How far a training is, as a value that its watchers get."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What a training is doing, and what it has reached."""

    #: "reading", "asking the teachers", "training" or "finishing".
    stage: str
    step: int = 0
    steps: int = 0
    #: Epochs done; a fraction in mid-epoch.
    epoch: float = 0.0
    #: Binary cross-entropy over the last steps.
    loss: float | None = None
    #: On dev, after so many whole epochs.
    macro_f1: float | None = None
    judged: int = 0
    #: What a person should know of it.
    remark: str | None = None


Watcher = Callable[[Progress], None]


class Reporter(TrainerCallback):
    """Reports every step of the Trainer to a watcher."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._progress = Progress(stage="training")

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        for figures in state.log_history:  # of a training that is resumed
            self._take(figures)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self._tell(step=state.global_step, steps=state.max_steps, epoch=state.epoch or 0.0)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        self._take(logs or {})

    def _take(self, figures: dict[str, float]) -> None:
        if "loss" in figures:
            self._tell(loss=figures["loss"])
        if "eval_macro_f1" in figures:
            self._tell(macro_f1=figures["eval_macro_f1"], judged=round(figures["epoch"]))

    def _tell(self, **changes: Any) -> None:
        self._progress = replace(self._progress, **changes)
        self._watcher(self._progress)
