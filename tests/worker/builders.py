"""What the tests of the worker share: models with faults, what plain transformers says, chunks, and what is stored."""

import math
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from sqlalchemy import select
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedTokenizerBase, RobertaConfig
from transformers import RobertaForSequenceClassification as Roberta

from moodmill.db.core.comment import Comment
from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.database.schema import chunk, comment_emotion, dead_letter
from moodmill.db.database.store import Store
from moodmill.db.ledger.entries import RecordRange, SourceFile
from moodmill.db.ledger.ledger import Ledger
from moodmill.worker.core.settings import WorkerSettings
from moodmill.worker.inference.repository import find_model
from moodmill.worker.inference.tokens import TextTokenizer
from moodmill.worker.inference.torch_model import TorchModel
from moodmill.worker.queue.message import ChunkMessage
from tests.support import CACHE

#: The URL of a broker that is not there.
NOWHERE = "redis://:secret@127.0.0.1:1/0"

Model = TypeVar("Model", bound=TorchModel)

#: A word that is one token of the tiny vocabulary, and the one that a poisoned model cannot bear.
POISON = "hate"
TEXTS = (
    "i love this",
    "thanks so much!",
    "a",
    "this is a rather long sentence, of words it spells out in letters. " * 4,
)


def settings_for(model: Path, **others: Any) -> WorkerSettings:
    same: dict[str, Any] = {"moodmill_device": "cpu", "moodmill_precision": "fp32", "moodmill_batch_tokens": 2_048}
    same["moodmill_cache"] = CACHE
    return WorkerSettings(hf_model_repo=str(model), **(same | others))


def load_as(kind: type[Model], folder: Path) -> Model:
    return kind(find_model(settings_for(folder)), "cpu", "fp32")


def load(folder: Path) -> TorchModel:
    return load_as(TorchModel, folder)


def tokenizer_for(folder: Path) -> TextTokenizer:
    return TextTokenizer(folder, load(folder).max_tokens)


def plain_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(folder)
    return tokenizer


def plain_probabilities(folder: Path, texts: Sequence[str], segment: int = 512) -> NDArray[np.float32]:
    """What transformers says by itself: a sigmoid, columns looked up by their label, one text at a time.

    A text of more tokens than a segment holds, of one sentence, is read in parts of whole words: it has what any of
    them has, of more than 8 what 8 of their kind would have.
    """
    model: Any = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = plain_tokenizer(folder)
    outputs = {label.lower(): output for output, label in model.config.id2label.items()}
    rows = []
    for text in texts:
        encoded = tokenizer(text, add_special_tokens=False, verbose=False, return_offsets_mapping=True)
        ids = encoded["input_ids"]
        parts = [*pairwise(_borders(text, encoded["offset_mapping"], segment - 2))]
        lacking = np.ones(len(EMOTIONS))
        for start, stop in parts:
            part = torch.tensor([[tokenizer.cls_token_id, *ids[start:stop], tokenizer.sep_token_id]])
            with torch.no_grad():
                found = torch.sigmoid(model(part).logits[0])
            lacking *= [1 - float(found[outputs[name]]) for name in EMOTIONS]
        rows.append(1 - lacking ** min(1, 8 / len(parts)))
    return np.array(rows, dtype=np.float32)


def _borders(text: str, offsets: Sequence[tuple[int, int]], most: int) -> list[int]:
    """Where parts of about equal length begin, none of them within a word, and the end."""
    borders = [0]
    while len(offsets) - borders[-1] > most:
        rest = len(offsets) - borders[-1]
        border = borders[-1] + math.ceil(rest / math.ceil(rest / most))
        while " " not in text[offsets[border][0] - 1 : offsets[border][0] + 1]:
            border -= 1
        borders.append(border)
    return [*borders, len(offsets)]


def make_roberta(folder: Path, tokenizer_of: Path, positions: int) -> Path:
    """Write a small RoBERTa classifier with random weights, whose positions begin after its padding id."""
    tokenizer = plain_tokenizer(tokenizer_of)
    torch.manual_seed(1)
    config = RobertaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=positions,
        pad_token_id=0,
        type_vocab_size=1,
        initializer_range=0.5,
        id2label=dict(enumerate(EMOTIONS)),
    )
    Roberta(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def make_poisoned(folder: Path, healthy: Path) -> Path:
    """Write a model that is like `healthy` but gives NaN for a text with the word POISON."""
    shutil.copytree(healthy, folder)
    model: Any = AutoModelForSequenceClassification.from_pretrained(healthy)
    poison = plain_tokenizer(healthy).convert_tokens_to_ids(POISON)
    with torch.no_grad():
        model.get_input_embeddings().weight[poison] = torch.nan
    model.save_pretrained(folder)
    return folder


def chunk_of(texts: Sequence[str], *, run: str = "r", number: int = 0) -> ChunkMessage:
    first = number * 1000
    comments = [
        Comment(
            id=f"c{first + at}",
            text=text,
            position=first + at,
            subreddit="test",
            author="a",
            created_at=datetime(2024, 3, 1, 12, at % 60, 30, 250_000, tzinfo=UTC),
        )
        for at, text in enumerate(texts)
    ]
    return ChunkMessage(run=run, number=number, source_number=0, source="dump", comments=comments)


def open_run(store: Store, *chunks: Sequence[str]) -> list[ChunkMessage]:
    """Write a run of these chunks of texts into the ledger, and return their messages."""
    ledger = Ledger(store)
    file = SourceFile(number=0, path="/dump", name="dump", size=1, fingerprint="f")
    run = ledger.create_run({}, [file])
    messages = [chunk_of(texts, run=run, number=number) for number, texts in enumerate(chunks)]
    for message in messages:
        first, size = message.comments[0].position, len(message.comments)
        found = RecordRange(first=first, stop=first + size, records=size, comments=message.comments)
        ledger.add_chunk(run, message.number, 0, found)
    return messages


def results(store: Store) -> list[dict[str, Any]]:
    return _rows(store, select(comment_emotion).order_by(comment_emotion.c.comment_id))


def dead_letters(store: Store) -> list[dict[str, Any]]:
    return _rows(store, select(dead_letter).order_by(dead_letter.c.position))


def chunks(store: Store) -> list[dict[str, Any]]:
    return _rows(store, select(chunk).order_by(chunk.c.number))


def states(store: Store) -> list[str]:
    return [row["state"] for row in chunks(store)]


def _rows(store: Store, query: Any) -> list[dict[str, Any]]:
    with store.reading() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]
