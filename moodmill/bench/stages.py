"""Each stage of the way alone: read, send and take messages, tokenize, tell the language, batch, forward, write."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from moodmill.bench.figures import Figures
from moodmill.bench.machine import peak_memory_mib
from moodmill.bench.spending import spending
from moodmill.db.core.classified import Classified
from moodmill.db.core.comment import Comment
from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.engine import Engine
from moodmill.db.core.filters import ALL
from moodmill.db.database.store import Store
from moodmill.db.ledger.entries import RecordRange, SourceFile
from moodmill.db.ledger.ledger import Ledger
from moodmill.db.results.writer import store_chunk
from moodmill.producers.runs.chunks import cut_records
from moodmill.producers.sources import open_source
from moodmill.worker.inference.microbatch import Batcher
from moodmill.worker.inference.model import EmotionModel
from moodmill.worker.inference.suitability import Suitability
from moodmill.worker.inference.tokens import Segment, TextTokenizer, TokenIds
from moodmill.worker.queue.broker import Broker
from moodmill.worker.queue.celery_app import app
from moodmill.worker.queue.message import ChunkMessage, read_message

#: Comments of a chunk, as producers send them.
CHUNK: Final = 512


def read(dump: Path, count: int) -> Figures:
    """Read a dump and cut it into chunks."""
    with spending() as spent:
        ranges = cut_records(open_source(dump).records(0), ALL, 0, CHUNK)
        comments = sum(len(one.comments) for one in ranges)
    if comments != count:
        raise RuntimeError(f"expected {count} comments, read {comments}")
    return Figures(name="read", comments=count, **asdict(spent))


def messages(broker: Broker, comments: Sequence[Comment]) -> Figures:
    """Send chunks to a broker, and take them out, check and acknowledge them; Celery's own part is left out."""
    chunks = [
        ChunkMessage(run="bench", number=number, source_number=0, source="bench", comments=list(chunk))
        for number, chunk in enumerate(_chunks(comments))
    ]
    _send_and_take(broker, chunks[:1])  # connections are made, and modules imported, once
    with spending() as spent:
        taken = _send_and_take(broker, chunks)
    if taken != len(comments):
        raise RuntimeError(f"expected {len(comments)} comments out of the broker, got {taken}")
    return Figures(name="messages", comments=len(comments), **asdict(spent))


def _send_and_take(broker: Broker, chunks: Sequence[ChunkMessage]) -> int:
    """Return how many comments came out of the broker again."""
    for chunk in chunks:
        broker.send(chunk)
    taken = 0
    with broker.connection() as connection:
        queue = app.conf.task_queues[0](connection.channel())
        while (message := queue.get()) is not None:
            ((given,), _, _) = message.payload
            taken += len(read_message(given).comments)
            message.ack()
    return taken


def tokenize(tokenizer: TextTokenizer, texts: Sequence[str]) -> tuple[Figures, list[TokenIds]]:
    """Cut texts into tokens, a chunk at a time."""
    with spending() as spent:
        encoded = [one for chunk in _chunks(texts) for one in tokenizer.encode(chunk)]
    tokens = sum(one.length for one in encoded)
    return Figures(name="tokenize", comments=len(texts), tokens=tokens, **asdict(spent)), encoded


def tell_language(suitability: Suitability, texts: Sequence[str]) -> Figures:
    """Find out which texts the model was not made for, as a worker does of each."""
    with spending() as spent:
        for text in texts:
            suitability.lacks(text, 0.0)
    return Figures(name="language", comments=len(texts), **asdict(spent))


def batch(encoded: Sequence[TokenIds], budget: int, *, pads: bool) -> tuple[Figures, list[list[Segment]]]:
    """Cut segments into micro-batches, a window at a time, as a worker does when chunks come in faster than they go."""
    with spending() as spent:
        batcher: Batcher[Segment] = Batcher(budget, pads=pads)
        batches = []
        for chunk in _chunks(encoded):
            batcher.add([segment for text in chunk for segment in text.segments], 0.0)
            if batcher.due_in(0.0) == 0:
                batches += batcher.cut()
        while batcher.due_in(0.0) is not None:
            batches += batcher.cut()
    figures = Figures(
        name="batch",
        comments=len(encoded),
        **asdict(spent),
        tokens=_tokens(batches),
        padding=padding(batches) if pads else 0.0,
        fill=_tokens(batches) / (budget * len(batches)),
    )
    return figures, batches


def forward(
    model: EmotionModel, texts: int, batches: Sequence[Sequence[Segment]], flops: Callable[[Sequence[int]], float]
) -> tuple[Figures, dict[int, NDArray[np.float32]]]:
    """Run the micro-batches of so many texts; return also the probabilities of each segment, by its identity.

    As many at once as the model takes.
    """

    def run(segments: Sequence[Segment]) -> NDArray[np.float32]:
        return model.probabilities([one.ids for one in segments], 0)

    found: dict[int, NDArray[np.float32]] = {}
    with ThreadPoolExecutor(model.lanes) as lanes:
        for _ in lanes.map(run, batches[: 2 * model.lanes]):
            pass  # the first of each makes room, and compiles what it needs
        with spending() as spent:
            for segments, rows in zip(batches, lanes.map(run, batches), strict=True):
                found |= {id(segment): row for segment, row in zip(segments, rows, strict=True)}
    lengths = [one.length for segments in batches for one in segments]
    figures = Figures(
        name="forward",
        comments=texts,
        **asdict(spent),
        tokens=sum(lengths),
        padding=padding(batches) if model.pads else 0.0,
        flops=flops(lengths) / spent.seconds,
        memory_mib=peak_memory_mib(),
    )
    return figures, found


def write(store: Store, comments: Sequence[Comment]) -> Figures:
    """Store comments with their probabilities, a chunk in a transaction, the ledger's part included."""
    ledger = Ledger(store)
    file = SourceFile(number=0, path="bench", name="bench", size=0, fingerprint="")
    run = ledger.create_run({}, [file])
    # new ids: those of texts that are repeated would be there already
    chunks = list(_chunks([structs.replace(comment, id=f"b{number}") for number, comment in enumerate(comments)]))
    for number, chunk in enumerate(chunks):
        size, first = len(chunk), number * CHUNK
        found = RecordRange(first=first, stop=first + size, records=size, comments=list(chunk))
        ledger.add_chunk(run, number, 0, found)
    dice = np.random.default_rng(0)
    with spending() as spent:
        for number, chunk in enumerate(chunks):
            classified = Classified(
                comments=chunk,
                probabilities=dice.random((len(chunk), len(EMOTIONS)), dtype=np.float32),
                tokens=np.zeros(len(chunk), dtype=np.int32),
                truncated=np.zeros(len(chunk), dtype=np.bool_),
                segments=np.ones(len(chunk), dtype=np.int32),
                unsupported=[None] * len(chunk),
                model="bench",
                engine=Engine("torch", "fp32"),
                source="bench",
                keep_text=False,
            )
            store_chunk(store, run, number, 0, classified)
    return Figures(name="write", comments=len(comments), **asdict(spent))


def only_first(model: EmotionModel, config: Any) -> bool:
    """Tell whether the last layer is computed for the first token of each text alone."""
    from moodmill.worker.inference.encoder_graph import FAMILIES

    return not model.pads or (model.engine.name == "openvino" and config.model_type in FAMILIES)


def padding(batches: Sequence[Sequence[Segment]]) -> float:
    """Return the share of padding in batches, each as wide as its longest segment."""
    cells = sum(len(segments) * max(one.length for one in segments) for segments in batches)
    return 1 - _tokens(batches) / cells


def forward_flops(config: Any, lengths: Sequence[int], *, only_first: bool = False) -> float:
    """Return the floating-point operations of a BERT-type encoder's matrix products for texts of these lengths.

    Two for each weight of the layers' linear maps and each token, and four for each hidden value, layer and pair of
    tokens of a text, for scores and weighted sums; what embeddings, norms and heads cost is left out. `only_first`: the
    last layer attends from the first token of each text only, and nothing else goes on from there.
    """
    layers, hidden = int(config.num_hidden_layers), int(config.hidden_size)
    inner = int(config.intermediate_size if hasattr(config, "intermediate_size") else config.hidden_dim)
    tokens, pairs = float(sum(lengths)), float(sum(length * length for length in lengths))
    fed, asked = (float(len(lengths)), tokens) if only_first else (tokens, pairs)
    projections = 6.0 * hidden * hidden * layers * tokens  # queries, keys, values
    attention = 4.0 * hidden * ((layers - 1) * pairs + asked)
    forward = (2.0 * hidden * hidden + 4.0 * hidden * inner) * ((layers - 1) * tokens + fed)
    return projections + attention + forward


def _chunks(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), CHUNK):
        yield items[start : start + CHUNK]


def _tokens(batches: Sequence[Sequence[Segment]]) -> int:
    return sum(one.length for segments in batches for one in segments)
