"""All that is not the model: reading, messages and rows, each alone, and the whole way with a null model."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from moodmill.bench import stages
from moodmill.bench.figures import Figures
from moodmill.bench.sample import repeated, write_dump
from moodmill.bench.whole import whole_way
from moodmill.db.core.comment import Comment
from moodmill.db.database.store import Store
from moodmill.worker.queue.broker import Broker
from moodmill.worker.queue.embedded import embedded_broker


def measure_without_model(comments: Sequence[Comment], count: int, folder: Path) -> tuple[list[Figures], Figures]:
    """Measure with so many comments, in files of a folder; return the stages, and the whole way with a null model."""
    many = [*repeated(comments, count)]
    dump = folder / "RC_host.ndjson"
    write_dump(dump, many)
    alone = [stages.read(dump, count)]
    with embedded_broker() as server, closing(Broker(server.url)) as broker:
        alone.append(stages.messages(broker, many))
    with closing(Store(f"sqlite:///{folder}/write.db")) as store:
        store.prepare()
        alone.append(stages.write(store, many))
    with closing(Store(f"sqlite:///{folder}/host.db")) as store:
        store.prepare()
        return alone, whole_way(dump, count, store, null_microseconds=0.0)
