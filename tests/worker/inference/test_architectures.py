"""Models of the Hub's families go through the worker and give what plain transformers gives."""

import math
import random
from pathlib import Path

import numpy as np
import pytest

from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.settings import StoreSettings
from moodmill.db.database.store import Store
from moodmill.worker.queue.broker import Broker
from moodmill.worker.runtime.processor import ChunkProcessor
from tests.worker.architectures import FAMILIES, Family, make_of
from tests.worker.builders import NOWHERE, TEXTS, dead_letters, open_run, plain_probabilities, plain_tokenizer, results
from tests.worker.builders import settings_for as settings

LONG = "i love this so much, thanks " * 200
SHUFFLED = [name.title() if number % 2 else name for number, name in enumerate((*EMOTIONS, "neutral"))]
random.Random(5).shuffle(SHUFFLED)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda one: one.name)
def test_a_family_s_classifier_gives_in_the_store_what_plain_transformers_gives(
    family: Family, sqlite_store: Store, tmp_path: Path
) -> None:
    # given 28 labels in another order and case, and texts of all kinds
    folder = make_of(family, tmp_path / family.name, labels=SHUFFLED)
    texts = [*TEXTS, "", "🙂 ünknöwn 字 \u200d", "he is proud\n\tof   us", LONG]

    # when they share micro-batches
    [message] = open_run(sqlite_store, texts)
    url = sqlite_store.url.render_as_string(hide_password=False)
    with ChunkProcessor(settings(folder), StoreSettings(database_url=url), Broker(NOWHERE)) as processor:
        processor.process(message)

    # then
    assert dead_letters(sqlite_store) == []
    rows = results(sqlite_store)
    stored = np.array([[row[name] for name in EMOTIONS] for row in rows], dtype=np.float32)
    np.testing.assert_allclose(stored, plain_probabilities(folder, texts), atol=1e-4, rtol=0)
    assert np.ptp(stored, axis=0).min() > 1e-4, "a model that says the same of every text shows nothing"
    plain = plain_tokenizer(folder)
    own = [len(plain(text, add_special_tokens=False)["input_ids"]) for text in texts]
    assert [row["tokens"] for row in rows] == [tokens + 2 * max(1, math.ceil(tokens / 510)) for tokens in own]
    assert not any(row["truncated"] for row in rows)
