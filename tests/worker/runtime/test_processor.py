"""A chunk becomes rows, dead letters and "done", on each database; and waits where the store is away."""

import threading
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import redis
from prometheus_client import REGISTRY
from sqlalchemy import create_engine, select, text
from sqlalchemy.exc import IntegrityError

from moodmill.db.analytics.reads import status
from moodmill.db.core.comment import Comment, other_id
from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.engine import Engine
from moodmill.db.core.errors import OtherEngineError, RunError, WorkerError
from moodmill.db.core.settings import StoreSettings
from moodmill.db.core.unsupported import REASONS
from moodmill.db.database.schema import model_threshold
from moodmill.db.database.store import Store
from moodmill.db.ledger.ledger import Ledger
from moodmill.worker.queue.broker import Broker
from moodmill.worker.queue.heartbeat import BEAT_S, worker_heartbeat
from moodmill.worker.queue.message import ChunkMessage
from moodmill.worker.runtime.processor import MAX_ISOLATED_TRIES, MAX_TRIES, ChunkProcessor, StoppingError
from tests.db.builders import ENGINE
from tests.db.results.test_refusals import refuse
from tests.support import away, forget, wait_until
from tests.worker.builders import (
    NOWHERE,
    POISON,
    TEXTS,
    chunk_of,
    chunks,
    dead_letters,
    make_poisoned,
    open_run,
    plain_probabilities,
    results,
    settings_for,
    states,
)

GERMAN = "Ich kann kaum glauben, dass wir dieses Spiel noch gewonnen haben!"
BF16 = Engine("openvino", "bf16")
UNSUPPORTED = "moodmill_unsupported_comments_total"


def processor_for(store: Store, model: Path, queue: Broker | None = None, **others: Any) -> ChunkProcessor:
    stored = StoreSettings(database_url=store.url.render_as_string(hide_password=False))
    return ChunkProcessor(settings_for(model, **others), stored, queue or Broker(NOWHERE))


def test_a_chunk_becomes_rows_and_is_done(store: Store, tiny_model: Path) -> None:
    [message, _] = open_run(store, [*TEXTS, "love " * 600], ["another chunk"])
    with processor_for(store, tiny_model) as processor:
        processor.process(message)

    rows = results(store)

    assert [row["comment_id"] for row in rows] == [comment.id for comment in message.comments]
    stored = np.array([[row[name] for name in EMOTIONS] for row in rows], dtype=np.float32)
    wanted = plain_probabilities(tiny_model, [comment.text for comment in message.comments])
    np.testing.assert_allclose(stored, wanted, atol=1e-5, rtol=0)
    for row, comment in zip(rows, message.comments, strict=True):
        assert (row["model"], row["source"]) == (processor.model, "dump")
        assert (row["subreddit"], row["author"], row["created_at"]) == ("test", "a", comment.created_at)
        assert (row["text"], row["engine"]) == (None, "openvino fp32")
    assert not any(row["truncated"] for row in rows)
    assert [row["segments"] for row in rows] == [1] * len(TEXTS) + [2]
    assert rows[-1]["tokens"] == 600 + 2 * 2, "two segments, with their special tokens"
    assert states(store) == ["done", "pending"]
    assert chunks(store)[0]["classified"] == chunks(store)[0]["new_rows"] == len(rows)


def test_the_text_is_kept_where_the_run_asks_for_it(store: Store, tiny_model: Path) -> None:
    [message] = open_run(store, TEXTS)
    with processor_for(store, tiny_model) as processor:
        processor.process(msgspec.structs.replace(message, keep_text=True))
    assert [row["text"] for row in results(store)] == list(TEXTS)


def asked_of_the_model() -> tuple[float, ...]:
    """How many micro-batches ran, of how many tokens, and how many comments were classified and known, by now."""
    names = ("microbatch_fill_ratio_count", "tokens_total", "comments_total", "known_comments_total")
    return tuple(REGISTRY.get_sample_value(f"moodmill_{name}") or 0.0 for name in names)


def test_what_is_known_is_not_classified_again_and_its_texts_are_filled_in(
    store: Store, tiny_model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    texts = ["i love this", GERMAN, "i love this"]
    [message] = open_run(store, texts)
    with processor_for(store, tiny_model, moodmill_language="en") as processor:
        processor.process(message)
        first, before = results(store), asked_of_the_model()
        again, edited = open_run(store, texts, texts)
        # when all is known
        processor.process(msgspec.structs.replace(again, keep_text=True))
        after = asked_of_the_model()
        # and when one has another text, in a run of its own
        comments = [msgspec.structs.replace(one, text=f"{one.text} yes") for one in again.comments[:1]]
        mixed = msgspec.structs.replace(edited, comments=[*comments, *again.comments[1:]], ids="table")
        processor.process(mixed)

    assert np.subtract(after, before).tolist() == [0, 0, 0, 3]
    comments_, known = np.subtract(asked_of_the_model(), after)[2:]
    assert (comments_, known) == (1, 2)
    assert "3 of 3 comments have a row already" in caplog.text
    filled = [row for row in results(store) if "~" not in row["comment_id"]]
    assert filled == [{**row, "text": said} for row, said in zip(first, texts, strict=True)]
    now = status(store, again.run)
    assert (now.classified, now.new_rows, now.notes["unsupported language"].n) == (6, 1, 2)
    assert now.adds_up


def test_where_a_precision_is_asked_for_what_another_made_is_classified_again_and_replaced(
    store: Store, tiny_model: Path
) -> None:
    first, again, once_more, plain, refused = (open_run(store, TEXTS)[0] for _ in range(5))
    with processor_for(store, tiny_model) as processor:
        processor.process(first)
        before = results(store)
    with processor_for(store, tiny_model, moodmill_precision="bf16") as processor:
        asked = asked_of_the_model()
        processor.process(msgspec.structs.replace(again, precision="bf16"))
        changed = results(store)
        processor.process(msgspec.structs.replace(once_more, precision="bf16"))
        processor.process(plain)
        comments, known = np.subtract(asked_of_the_model(), asked)[2:]
        with pytest.raises(OtherEngineError, match="asks for fp32, this worker has openvino bf16"):
            processor.process(msgspec.structs.replace(refused, precision="fp32"))

    assert (comments, known) == (len(TEXTS), 2 * len(TEXTS))
    assert {row["engine"] for row in before} == {"openvino fp32"}
    assert {row["engine"] for row in changed} == {"openvino bf16"}
    assert [row["joy"] for row in changed] != [row["joy"] for row in before]
    assert results(store) == changed
    assert [(row["classified"], row["new_rows"]) for row in chunks(store)].count((4, 0)) == 3
    assert Ledger(store).engine(refused.run) is None


def test_a_chunk_that_killed_its_workers_and_is_known_needs_no_isolation(
    sqlite_store: Store, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, queue: Broker
) -> None:
    monkeypatch.setattr("moodmill.worker.runtime.processor.SECOND_LOOK_S", 0.0)
    [message] = open_run(sqlite_store, TEXTS)
    [again] = open_run(sqlite_store, TEXTS)
    for number in range(MAX_TRIES):
        Ledger(sqlite_store).begin(again.run, again.number, f"a-worker-that-died:{number}", ENGINE)
    with processor_for(sqlite_store, tiny_model, queue) as processor:
        processor.process(message)
        processor.process(again)
    assert states(sqlite_store) == ["done", "done"]


def test_another_text_of_an_id_ends_as_the_message_says_whose_ids_they_are(
    sqlite_store: Store, tiny_model: Path
) -> None:
    first, skipped, kept = open_run(sqlite_store, ["i love this"], ["i hate this"], ["thanks so much!"])
    [comment] = first.comments

    def under_its_id(message: ChunkMessage) -> ChunkMessage:
        [other] = message.comments
        return msgspec.structs.replace(message, comments=[msgspec.structs.replace(comment, text=other.text)])

    with processor_for(sqlite_store, tiny_model) as processor:
        processor.process(first)
        processor.process(under_its_id(skipped))
        processor.process(msgspec.structs.replace(under_its_id(kept), ids="table"))

    ids = [row["comment_id"] for row in results(sqlite_store)]
    assert ids == [comment.id, other_id(comment.id, "thanks so much!")]
    assert [row["classified"] for row in chunks(sqlite_store)] == [1, 0, 1]
    assert status(sqlite_store, first.run).adds_up


def test_the_model_s_thresholds_are_in_the_store(store: Store, tiny_model: Path) -> None:
    with processor_for(store, tiny_model) as processor, store.reading() as connection:
        rows = connection.execute(select(model_threshold)).all()
    assert {row.emotion: row.threshold for row in rows} == pytest.approx(dict.fromkeys(EMOTIONS, 0.3))
    assert {row.model for row in rows} == {processor.model}


def test_a_bad_text_becomes_a_dead_letter_with_its_comment(store: Store, tiny_model: Path, tmp_path: Path) -> None:
    [message] = open_run(store, ["i love this", f"so much {POISON}", "thanks"])
    with processor_for(store, make_poisoned(tmp_path / "poisoned", tiny_model)) as processor:
        processor.process(message)
    assert [row["comment_id"] for row in results(store)] == ["c0", "c2"]
    [letter] = dead_letters(store)
    assert (letter["position"], letter["stage"], letter["source_number"]) == (1, "classify", 0)
    assert "non-finite" in letter["error"]
    assert msgspec.json.decode(letter["payload"], type=Comment) == message.comments[1]
    assert states(store) == ["done"]
    assert chunks(store)[0]["classified"] == 2


def test_a_text_that_the_model_was_not_made_for_says_so_in_its_row_and_is_counted(
    store: Store, tiny_model: Path
) -> None:
    texts = ["i love this", GERMAN, "字 字", GERMAN]
    reasons = [None, "language", "tokens", "language"]
    [message] = open_run(store, texts)
    before = [REGISTRY.get_sample_value(UNSUPPORTED, {"reason": one}) or 0 for one in REASONS]
    with processor_for(store, tiny_model, moodmill_language="en") as processor:
        processor.process(message)
    assert [row["unsupported"] for row in results(store)] == reasons
    counted = [reasons.count(one) for one in REASONS]
    after = [REGISTRY.get_sample_value(UNSUPPORTED, {"reason": one}) or 0 for one in REASONS]
    assert [now - then for now, then in zip(after, before, strict=True)] == counted
    notes = status(store, message.run).notes
    assert [notes[f"unsupported {one}"].n for one in REASONS] == counted


def test_processing_twice_changes_nothing(store: Store, tiny_model: Path, tmp_path: Path) -> None:
    [message] = open_run(store, ["i love this", POISON])
    with processor_for(store, make_poisoned(tmp_path / "poisoned", tiny_model)) as processor:
        processor.process(message)
        before = results(store), dead_letters(store), chunks(store)
        processor.process(message)
    assert (results(store), dead_letters(store), chunks(store)) == before
    assert before[0]


def test_a_chunk_that_was_tried_too_often_goes_into_isolation_and_fails_at_last(
    sqlite_store: Store,
    tiny_model: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    queue: Broker,
) -> None:
    monkeypatch.setattr("moodmill.worker.runtime.processor.SECOND_LOOK_S", 0.0)
    # given a chunk whose workers died, each before it could finish
    [message, unlucky] = open_run(sqlite_store, TEXTS, TEXTS)
    ledger = Ledger(sqlite_store)
    for number in range(MAX_TRIES):
        ledger.begin(message.run, message.number, f"a-worker-that-died:{number}", BF16)
    for number in range(MAX_TRIES + MAX_ISOLATED_TRIES):
        ledger.begin(unlucky.run, unlucky.number, f"a-worker-that-died:{number}", BF16)
    with processor_for(sqlite_store, tiny_model, queue, moodmill_precision="bf16") as loaded:
        # when
        loaded.process(message)
        with pytest.raises(WorkerError, match=r"^4 workers began this chunk, and none lived to finish it$"):
            loaded.process(unlucky)
    # then
    assert "its texts go one by one, in isolation" in caplog.text
    stored = np.array([[row[name] for name in EMOTIONS] for row in results(sqlite_store)], dtype=np.float32)
    np.testing.assert_allclose(stored, plain_probabilities(tiny_model, TEXTS), atol=1e-5, rtol=0)
    assert {row["engine"] for row in results(sqlite_store)} == {"openvino fp32"}, (
        "in isolation, whatever the worker has"
    )
    assert states(sqlite_store) == ["done", "failed"]
    assert chunks(sqlite_store)[1]["error"] == "WorkerError: 4 workers began this chunk, and none lived to finish it"


def test_a_message_that_comes_again_to_workers_that_live_is_no_other_try(
    sqlite_store: Store, tiny_model: Path, caplog: pytest.LogCaptureFixture, queue: Broker
) -> None:
    # given a chunk whose message went through many workers, one of which died, and came again to this one
    [message] = open_run(sqlite_store, TEXTS)
    ledger = Ledger(sqlite_store)
    for number in range(MAX_TRIES + MAX_ISOLATED_TRIES):
        ledger.begin(message.run, message.number, f"a-worker:{number}", ENGINE)
        if number:
            queue.send_heartbeat(f"a-worker:{number}")
    with processor_for(sqlite_store, tiny_model, queue) as loaded:
        for _ in range(MAX_TRIES + MAX_ISOLATED_TRIES):
            ledger.begin(message.run, message.number, loaded.name, ENGINE)
        # when
        loaded.process(message)
    # then
    assert states(sqlite_store) == ["done"]
    assert "isolation" not in caplog.text


def test_a_broker_that_has_lost_the_heartbeats_makes_no_worker_dead(
    broker: redis.Redis, sqlite_store: Store, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, queue: Broker
) -> None:
    [message] = open_run(sqlite_store, TEXTS)
    workers = [f"a-worker:{number}" for number in range(MAX_TRIES + MAX_ISOLATED_TRIES)]
    for name in workers:
        Ledger(sqlite_store).begin(message.run, message.number, name, ENGINE)
        queue.send_heartbeat(name)
    forget(broker)
    with processor_for(sqlite_store, tiny_model, queue) as loaded:

        def pause(seconds: float) -> None:
            assert seconds > BEAT_S
            for name in workers:
                queue.send_heartbeat(name)

        monkeypatch.setattr(loaded, "_pause", pause)
        loaded.process(message)
    assert states(sqlite_store) == ["done"]


def test_workers_that_ended_well_with_a_chunk_in_work_did_not_die_of_it(
    broker: redis.Redis, sqlite_store: Store, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, queue: Broker
) -> None:
    [message] = open_run(sqlite_store, TEXTS)
    # given a store that was away when workers were told to stop
    for number in range(MAX_TRIES + MAX_ISOLATED_TRIES):
        Ledger(sqlite_store).begin(message.run, message.number, f"a-worker:{number}", ENGINE)
        with worker_heartbeat(queue, f"a-worker:{number}", ENGINE):
            pass
    with processor_for(sqlite_store, tiny_model, queue) as loaded:
        monkeypatch.setattr(loaded, "_pause", lambda _: None)
        loaded.process(message)
    assert states(sqlite_store) == ["done"]


def test_a_chunk_that_the_ledger_does_not_know_is_an_error(store: Store, tiny_model: Path) -> None:
    with (
        processor_for(store, tiny_model) as processor,
        pytest.raises(RunError, match="chunk 0 of run r is not in this store"),
    ):
        processor.process(chunk_of(TEXTS))
    assert results(store) == []


def test_rows_that_the_store_refuses_are_counted_as_dead_letters_and_not_as_comments(
    sqlite_store: Store, tiny_model: Path
) -> None:
    def counted() -> tuple[float, ...]:
        names = ("moodmill_comments_total", "moodmill_dead_letters_total")
        return tuple(REGISTRY.get_sample_value(name) or 0.0 for name in names)

    refuse(sqlite_store, "comment_id = 'c0'")
    [message] = open_run(sqlite_store, TEXTS)
    with processor_for(sqlite_store, tiny_model) as processor:
        before = counted()
        processor.process(message)
    comments, letters = np.subtract(counted(), before)
    assert (comments, letters) == (len(results(sqlite_store)), 1) == (len(TEXTS) - 1, 1)


def test_any_other_error_is_in_the_ledger_with_its_chunk(store: Store, tiny_model: Path, tmp_path: Path) -> None:
    [message] = open_run(store, ["i love this", POISON])
    of_no_source = msgspec.structs.replace(message, source_number=7)
    with (
        processor_for(store, make_poisoned(tmp_path / "poisoned", tiny_model)) as processor,
        pytest.raises(IntegrityError),
    ):
        processor.process(of_no_source)
    assert states(store) == ["failed"]
    assert chunks(store)[0]["error"].startswith("IntegrityError: ")
    assert results(store) == []


class Processing(threading.Thread):
    """A task thread at work on one chunk."""

    def __init__(self, processor: ChunkProcessor, message: ChunkMessage) -> None:
        super().__init__(daemon=True)
        self._processor, self._message = processor, message
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self._processor.process(self._message)
        except BaseException as error:  # noqa: BLE001 - looked at by the test
            self.error = error


def test_a_store_that_is_away_is_waited_for(
    postgres_store: Store, postgres_url: str, tiny_model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    [message] = open_run(postgres_store, TEXTS)
    with processor_for(postgres_store, tiny_model) as processor, away(postgres_url) as allow_again:
        task = Processing(processor, message)
        wait_until(lambda: "chunk" in caplog.text and "waits: cannot use the store" in caplog.text)
        assert task.is_alive()
        allow_again()
        task.join(60)
    assert task.error is None
    assert not task.is_alive()
    assert states(postgres_store) == ["done"]
    assert len(results(postgres_store)) == len(TEXTS)


def test_a_store_that_goes_away_while_rows_are_written_is_waited_for(
    postgres_store: Store, tiny_model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    [message] = open_run(postgres_store, TEXTS)
    blocked = text("select pid from pg_stat_activity where wait_event_type = 'Lock' and query like 'insert%'")
    onlooker = create_engine(postgres_store.url, isolation_level="AUTOCOMMIT")
    with processor_for(postgres_store, tiny_model) as processor, onlooker.connect() as watching:
        with postgres_store.engine.begin() as holding:
            # Readers pass this lock, and so does the temporary table: what waits is the insert of the rows.
            holding.execute(text("lock table comment_emotion in share mode"))
            task = Processing(processor, message)
            wait_until(lambda: watching.scalar(blocked))
            watching.execute(text("select pg_terminate_backend(:pid)"), {"pid": watching.scalar(blocked)})
            wait_until(lambda: "waits: cannot use the store" in caplog.text or not task.is_alive())
        task.join(60)
    onlooker.dispose()
    assert task.error is None
    assert states(postgres_store) == ["done"]
    assert len(results(postgres_store)) == len(TEXTS)


def test_a_worker_that_stops_gives_up_on_a_store_that_is_away(
    postgres_store: Store, postgres_url: str, tiny_model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    [message] = open_run(postgres_store, TEXTS)
    with processor_for(postgres_store, tiny_model) as processor, away(postgres_url):
        task = Processing(processor, message)
        wait_until(lambda: "waits: cannot use the store" in caplog.text)
        processor.stop_waiting()
        task.join(60)
    assert isinstance(task.error, StoppingError)
    assert states(postgres_store) == ["pending"]
    assert results(postgres_store) == []
