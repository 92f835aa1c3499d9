"""How a run reads its sources; kept with the run, so that `resume` reads them the same way."""

from typing import Any

import msgspec

from producers.filters import ALL, Filters
from producers.sources import Columns


class RunOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The options of a run, as the ledger keeps them in JSON."""

    #: The kind of all sources; None goes by each file's name.
    kind: str | None = None
    columns: Columns = Columns()
    filters: Filters = ALL
    #: Comments of a chunk.
    chunk_comments: int = 512
    keep_text: bool = False

    def to_json(self) -> dict[str, Any]:
        built: dict[str, Any] = msgspec.to_builtins(self)
        return built

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> "RunOptions":
        return msgspec.convert(kept, cls)
