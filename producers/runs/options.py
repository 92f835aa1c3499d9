"""How a run reads its sources; kept with the run, so that `resume` reads them the same way."""

from pathlib import Path
from typing import Any

import msgspec

from moodmill.db.core.engine import Precision
from moodmill.db.core.filters import ALL, Filters
from moodmill.producers.runs.deadshare import MAX_DEAD
from moodmill.producers.runs.settings import ProducerSettings
from moodmill.producers.sources.layout import AS_FOUND, ReadOptions
from moodmill.worker.core.labels import read_order
from moodmill.worker.core.settings import BUNDLED_MODEL, WorkerSettings


class RunOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of a run, as the ledger keeps them in JSON."""

    reading: ReadOptions = AS_FOUND
    filters: Filters = ALL
    #: Comments of a chunk.
    chunk_comments: int = 512
    keep_text: bool = False
    #: Comments that are labelled at most, all sources together.
    limit: int | None = None
    #: The share of a source's records that may be dead (moodmill.producers.runs.deadshare).
    max_dead: float = MAX_DEAD
    #: The model that a worker of this run's own loads, as the settings name it.
    model_repo: str = BUNDLED_MODEL
    model_revision: str | None = None
    model_labels: str | None = None
    #: What all of its rows are to be computed in; "auto" leaves it to the workers, and takes rows of any.
    precision: Precision = "auto"

    def labels_as(self, other: "RunOptions") -> bool:
        """Whether both make the same rows of the same file, whatever computes them."""
        plain = ("reading", "filters", "keep_text", "limit", "model_repo", "model_revision", "model_labels")
        return all(getattr(self, name) == getattr(other, name) for name in plain)

    def to_json(self) -> dict[str, Any]:
        built: dict[str, Any] = msgspec.to_builtins(self)
        return built

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> "RunOptions":
        if "columns" in kept:  # of a run older than its other options of reading
            kept = {**kept, "reading": {"kind": kept.get("kind"), "columns": kept["columns"]}}
        return msgspec.convert(kept, cls)


def run_defaults(model: WorkerSettings, producer: ProducerSettings) -> RunOptions:
    """Return the options of a run as the settings have them. Raises SettingError for labels that are none."""
    return RunOptions(
        chunk_comments=producer.moodmill_chunk_comments,
        model_repo=_lasting(model.hf_model_repo),
        model_revision=model.hf_model_revision,
        precision=model.moodmill_precision,
        model_labels=",".join(read_order(model.moodmill_labels)) if model.moodmill_labels else None,
    )


def _lasting(model: str) -> str:
    """Name a local model so that a resumption from another folder finds it."""
    return str(Path(model).resolve()) if Path(model).is_dir() else model
