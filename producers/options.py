"""How a run reads its sources; kept with the run, so that `resume` reads them the same way."""

from typing import Any

import msgspec

from producers.filters import ALL, Filters
from producers.sources import Columns
from worker.settings import BUNDLED_MODEL


class RunOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of a run, as the ledger keeps them in JSON."""

    #: The kind of all sources; None goes by each file's name.
    kind: str | None = None
    columns: Columns = Columns()
    filters: Filters = ALL
    #: Comments of a chunk.
    chunk_comments: int = 512
    keep_text: bool = False
    #: The model that a worker of this run's own loads, as the settings name it.
    model_repo: str = BUNDLED_MODEL
    model_revision: str | None = None
    model_labels: str | None = None

    def to_json(self) -> dict[str, Any]:
        built: dict[str, Any] = msgspec.to_builtins(self)
        return built

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> "RunOptions":
        return msgspec.convert(kept, cls)
