"""The ledger: runs, their chunks, and what becomes of each."""

import re
from collections import Counter
from dataclasses import replace
from functools import partial

import pytest

from moodmill.db.analytics.reads import status
from moodmill.db.core.engine import Engine
from moodmill.db.core.errors import OtherEngineError, RunError
from moodmill.db.database.schema import chunk, skipped
from moodmill.db.database.store import Store
from moodmill.db.ledger.dead_letters import dead_letters
from moodmill.db.ledger.entries import Note, RecordRange, Waiting
from moodmill.db.ledger.ledger import MAX_NAMES, Ledger, count_done
from moodmill.db.ledger.written import EXAMPLE_LIMIT
from tests.db.builders import ENGINE, Made, at_once, classified, comments, letter, one_line, rows, source_file

INT8 = Engine("openvino", "int8")


def states(store: Store) -> list[tuple[str, str | None]]:
    return [(row["state"], row["error"]) for row in rows(store, chunk)]


def test_a_run_comes_back_as_it_was_made(store: Store) -> None:
    ledger = Ledger(store)
    options = {"model": "m@1", "filters": ["bots", "ünïcode 🙂"], "chunk_size": 512, "limit": None, "keep_text": True}
    files = [source_file(0, "RC_2024-01.zst"), source_file(1, "Ω comments.csv", ended=True)]
    run_id = ledger.create_run(options, files)
    found = ledger.run(run_id)
    assert re.fullmatch(r"\d{8}-[0-9a-f]{6}", run_id)
    assert (found.id, found.options, found.input_closed, found.sources) == (run_id, options, False, tuple(files))


def test_how_a_source_is_read_comes_back_as_it_was_found(store: Store) -> None:
    layout = {"delimiter": "\t", "columns": {"text": 2, "id": None}, "names": ["ünïcode 🙂", "a\0b", "lone \ud83d"]}
    files = [replace(source_file(0, "a.tsv"), layout=layout), source_file(1, "b.tsv")]
    ledger = Ledger(store)
    run_id = ledger.create_run({}, files)
    assert [one.layout for one in ledger.run(run_id).sources] == [layout, None]
    ledger.set_layout(run_id, 1, {"header": False})
    assert [one.layout for one in ledger.run(run_id).sources] == [layout, {"header": False}]


def test_a_source_that_could_not_be_opened_has_its_error_from_the_first_moment(store: Store) -> None:
    ledger = Ledger(store)
    files = [source_file(0, "good"), replace(source_file(1, "bad.7z"), error="it is a 7z archive: unpack it")]
    run_id = ledger.create_run({}, files)
    assert ledger.run(run_id).sources == tuple(files)
    ledger.end_source(run_id, 0)
    ledger.close_input(run_id)
    now = status(store, run_id)
    assert now.source_errors == {"bad.7z": "it is a 7z archive: unpack it"}
    assert (now.finished, now.succeeded) == (True, False)
    ledger.end_source(run_id, 1)  # a second try reads it
    assert status(store, run_id).succeeded


def test_files_that_were_passed_over_are_named_by_reason(store: Store) -> None:
    ledger = Ledger(store)
    passed = {"a link": ["x.zst"], "no dump": ["notes 🙂.txt", "caf\udce9.csv", 'q"\n.md']}
    run_id = ledger.create_run({}, [source_file()], passed_over=passed)
    expected = {"a link": ("x.zst",), "no dump": ("notes 🙂.txt", "caf\ufffd.csv", 'q"\n.md')}
    assert ledger.run(run_id).passed_over == status(store, run_id).passed_over == expected
    assert status(store, Made(store).id).passed_over == {}


def test_notes_of_all_chunks_are_added_up_with_the_first_chunks_example(store: Store) -> None:
    made, other = Made(store), Made(store)
    other.add(1, notes={"unread time": Note(n=99, example="of another run")})
    made.add(1, notes={"unread time": Note(n=2), "removed title": Note(n=1, example="a post")})
    made.add(0, {"deleted": 3}, notes={"unread time": Note(n=3, example="10/5/2022")})
    made.add(1, notes={"unread time": Note(n=4, example="1/1/2000"), "nothing": Note(n=0)})
    assert status(store, made.id).notes == {
        "removed title": Note(n=1, example="a post"),
        "unread time": Note(n=9, example="10/5/2022"),
    }


def test_a_notes_example_is_one_short_line_whatever_was_read(store: Store) -> None:
    made = Made(store)
    made.add(1, notes={"kind": Note(n=1, example="a\0b\n\x1b[31m\u202e\ud83d 🙂 " + "x" * 10_000)})
    example = status(store, made.id).notes["kind"].example or ""
    assert example.startswith("a b [31m 🙂 xxx")
    assert (len(example), example[-1], example.isprintable()) == (EXAMPLE_LIMIT, "…", True)


def test_a_chunk_added_twice_has_its_notes_once(store: Store) -> None:
    made = Made(store)
    made.add(1, notes={"kind": Note(n=2)})
    again = RecordRange(first=0, stop=1, records=1, comments=comments([0]), notes={"kind": Note(n=2)})
    made.ledger.add_chunk(made.id, 0, 0, again)
    assert status(store, made.id).notes == {"kind": Note(n=2)}


def test_sources_come_back_by_number(store: Store) -> None:
    ledger = Ledger(store)
    run_id = ledger.create_run({}, [source_file(n) for n in (2, 0, 1)])
    assert [one.number for one in ledger.run(run_id).sources] == [0, 1, 2]


def test_an_unknown_run_is_refused(store: Store) -> None:
    for ask in (Ledger(store).run, partial(status, store)):
        with pytest.raises(RunError) as refused:
            ask("20240301-abcdef")
        assert "20240301-abcdef" in one_line(refused.value)


def test_ending_a_source_and_sealing_are_kept(store: Store) -> None:
    made = Made(store, ["a", "b"])
    made.ledger.end_source(made.id, 0)
    made.ledger.end_source(made.id, 1, "cut off in a record")
    made.ledger.close_input(made.id)
    run = made.ledger.run(made.id)
    assert run.input_closed
    assert [one.ended for one in run.sources] == [True, False]
    assert status(store, made.id).source_errors == {"b": "cut off in a record"}


def test_a_source_that_ends_at_the_second_try_has_no_error_left(store: Store) -> None:
    made = Made(store)
    made.ledger.end_source(made.id, 0, "cut off")
    made.ledger.end_source(made.id, 0)
    assert made.ledger.run(made.id).sources[0].ended
    assert status(store, made.id).source_errors == {}


def test_a_chunk_comes_with_its_skips_and_dead_letters(store: Store) -> None:
    made = Made(store)
    added = made.add(5, {"deleted": 3, "short": 1}, [letter(2), letter(7, "no text")])
    assert made.ledger.unfinished(made.id) == [added]
    assert {row["reason"]: row["n"] for row in rows(store, skipped)} == {"deleted": 3, "short": 1}
    found = dead_letters(store, made.id)
    assert [(one.position, one.stage, one.error, one.payload) for one in found] == [
        (2, "read", "broken", "payload 2"),
        (7, "read", "no text", "payload 7"),
    ]


def test_a_chunk_without_comments_is_done_at_once(store: Store) -> None:
    made = Made(store)
    made.add(0, {"deleted": 4}, [letter(4)])
    assert states(store) == [("done", None)]
    assert made.ledger.unfinished(made.id) == []


def test_a_chunk_number_is_given_once(store: Store) -> None:
    made = Made(store)
    made.add(5, {"deleted": 1})
    other = RecordRange(first=0, stop=9, records=9, skipped=Counter(short=8), dead=[letter(3)])
    with pytest.raises(RunError) as refused:
        made.ledger.add_chunk(made.id, 0, 0, other)
    assert made.id in one_line(refused.value)
    assert [row["reason"] for row in rows(store, skipped)] == ["deleted"]
    assert dead_letters(store) == []


def test_the_same_chunk_added_twice_is_there_once(store: Store) -> None:
    made = Made(store)
    made.add(5, {"deleted": 1})
    made.store_chunk(0, classified(comments(range(5))))
    again = RecordRange(first=0, stop=6, records=6, comments=comments(range(5)), skipped=Counter(deleted=1))
    made.ledger.add_chunk(made.id, 0, 0, again)
    assert status(store, made.id).skipped == {"deleted": 1}
    assert states(store) == [("done", None)]


def test_of_two_that_add_one_chunk_at_once_one_does(store: Store) -> None:
    made = Made(store)
    found = RecordRange(first=0, stop=5, records=5, comments=comments(range(4)), skipped=Counter(deleted=1))
    add = partial(made.ledger.add_chunk, made.id, 0, 0, found)
    at_once(add, add)
    assert made.ledger.unfinished(made.id) == [found.as_chunk(0, 0)]
    assert status(store, made.id).skipped == {"deleted": 1}


def test_the_pending_chunks_come_with_the_worker_that_began_them(store: Store) -> None:
    made = Made(store)
    for _ in range(3):
        made.add(1)
    made.ledger.begin(made.id, 1, "a-worker", ENGINE)
    made.store_chunk(2, classified(comments([2])))
    assert made.ledger.begun(made.id) == {0: None, 1: "a-worker"}


def test_the_next_number_and_position_go_on_from_the_chunks(store: Store) -> None:
    made, ledger = Made(store, ["a", "b"]), Ledger(store)
    other = Made(store)
    assert ledger.next_chunk(made.id, 0) == (0, 0)
    made.add(5, {"deleted": 2})
    made.add(3)
    made.add(4, source_number=1)
    assert ledger.next_number(made.id) == 3
    assert [ledger.next_chunk(made.id, number) for number in (0, 1)] == [(3, 10), (3, 4)]
    assert ledger.next_chunk(other.id, 0) == (0, 0)


def test_a_replay_moves_no_position(store: Store) -> None:
    made = Made(store)
    made.add(1, dead=[letter(1)])
    made.replay([one.id for one in dead_letters(store)])
    assert made.ledger.next_chunk(made.id, 0) == (2, 2)


def test_waiting_counts_what_is_pending(store: Store) -> None:
    made = Made(store)
    assert made.ledger.waiting(made.id) == Waiting(0, 0, 0)
    for n in (5, 6, 7):
        made.add(n, {"deleted": 1})
    made.add(0, {"deleted": 9})
    made.ledger.fail(made.id, 0, "oops")
    made.store_chunk(1, classified(comments(range(6))))
    assert made.ledger.waiting(made.id) == Waiting(chunks=1, comments=7, records=8)


def test_records_counts_all_that_is_in_chunks(store: Store) -> None:
    made = Made(store)
    assert made.ledger.records(made.id) == 0
    made.add(5, {"deleted": 2}, [letter(6)])
    made.add(3)
    made.store_chunk(1, classified(comments(range(3))))
    assert made.ledger.records(made.id) == 11


def test_unfinished_are_the_pending_and_the_failed_by_number(store: Store) -> None:
    made = Made(store)
    added = [made.add(n) for n in (1, 2, 3)]
    made.ledger.fail(made.id, 2, "oops")
    made.store_chunk(1, classified(comments(range(2))))
    assert made.ledger.unfinished(made.id) == [added[0], added[2]]


def test_a_failed_chunk_keeps_its_error_until_it_is_retried(store: Store) -> None:
    made = Made(store)
    made.add(1)
    assert not made.ledger.retry(made.id, 0)
    made.ledger.fail(made.id, 0, "out of memory")
    made.ledger.fail(made.id, 0, "a later error of another worker")
    assert states(store) == [("failed", "out of memory")]
    assert made.ledger.retry(made.id, 0)
    assert states(store) == [("pending", None)]
    assert not made.ledger.retry(made.id, 0)


def test_the_processes_that_began_a_chunk_are_kept_until_it_is_done_and_forgotten_after_a_failure(store: Store) -> None:
    made = Made(store)
    made.add(1)
    begun = [made.ledger.begin(made.id, 0, name, ENGINE) for name in ("first", "second", "second", "first", "third")]
    assert begun == [[], ["first"], ["first"], ["second"], ["second", "first"]]
    assert rows(store, chunk)[0]["tries"] == 3
    assert made.ledger.begun(made.id) == {0: "third"}
    made.ledger.fail(made.id, 0, "it killed them all")
    made.ledger.retry(made.id, 0)
    assert made.ledger.begin(made.id, 0, "fourth", ENGINE) == []
    made.store_chunk(0, classified(comments([0])))
    assert made.ledger.begin(made.id, 0, "late", ENGINE) is None
    assert rows(store, chunk)[0]["worker"] == "fourth"


def test_a_chunk_that_goes_round_a_large_fleet_keeps_the_latest_names_alone(store: Store) -> None:
    made = Made(store)
    made.add(1)
    for number in range(MAX_NAMES + 5):
        made.ledger.begin(made.id, 0, f"worker-{number}", ENGINE)
    assert made.ledger.begin(made.id, 0, "me", ENGINE) == [f"worker-{number + 5}" for number in range(MAX_NAMES)]


def test_the_engine_of_the_first_chunk_is_the_run_s_and_others_change_nothing(store: Store) -> None:
    made, other = Made(store), Made(store)
    for _ in range(3):
        made.add(1)
    other.add(1)
    assert made.ledger.engine(made.id) is None
    made.ledger.begin(made.id, 0, "a", INT8)
    assert made.ledger.engine(made.id) == made.ledger.run(made.id).engine == INT8
    with pytest.raises(OtherEngineError) as refused:
        made.ledger.begin(made.id, 1, "b", ENGINE)
    assert one_line(refused.value) == f"run {made.id} has the engine openvino int8, this worker openvino fp32"
    assert made.ledger.begun(made.id) == {0: "a", 1: None, 2: None}
    made.store_chunk(2, classified(comments([2])))
    assert made.ledger.begin(made.id, 2, "b", ENGINE) is None, "what is done is done for everybody"
    assert made.ledger.begin(made.id, 1, "c", INT8) == []
    assert other.ledger.engine(other.id) is None, "another run has another"


def test_of_several_engines_that_begin_a_run_at_once_one_has_it(store: Store) -> None:
    made = Made(store)
    for _ in range(6):
        made.add(1)

    def begin(number: int, engine: Engine) -> Engine | None:
        try:
            made.ledger.begin(made.id, number, f"worker-{number}", engine)
        except OtherEngineError:
            return None
        return engine

    calls = [partial(begin, number, (ENGINE, INT8)[number % 2]) for number in range(6)]
    begun = at_once(*calls)
    fixed = made.ledger.engine(made.id)
    assert begun == [engine if (engine := (ENGINE, INT8)[number % 2]) == fixed else None for number in range(6)]


def test_a_try_of_a_chunk_that_is_not_there_is_refused(store: Store) -> None:
    with pytest.raises(RunError, match="chunk 0 of run r is not in this store"):
        Ledger(store).begin("r", 0, "worker", ENGINE)


def test_done_chunks_of_all_runs_are_counted_and_none_where_the_store_is_away(store: Store) -> None:
    first, second = Made(store), Made(store)
    for made in (first, second):
        made.add(1)
        made.add(1)
    first.store_chunk(0, classified(comments([0])))
    second.store_chunk(1, classified(comments([1])))
    assert count_done(store) == 2
    assert count_done(Store("postgresql://nobody@127.0.0.1:1/none")) == 0


def test_a_done_chunk_neither_fails_nor_is_retried(store: Store) -> None:
    made = Made(store)
    made.add(1)
    made.store_chunk(0, classified(comments([0])))
    made.ledger.fail(made.id, 0, "a second worker that came too late")
    assert not made.ledger.retry(made.id, 0)
    assert states(store) == [("done", None)]


def test_a_replay_takes_letters_in_hand_and_turns_the_passed_into_skips(store: Store) -> None:
    made = Made(store)
    made.add(0, dead=[letter(n) for n in range(4)])
    ids = [one.id for one in dead_letters(store)]
    added = made.replay(ids[:2], passed=ids[2:3])
    assert made.ledger.unfinished(made.id) == [added]
    assert [one.id for one in dead_letters(store, replay_chunk=added.number)] == ids[:2]
    assert [one.id for one in dead_letters(store)] == [ids[0], ids[1], ids[3]]
    assert {row["reason"]: row["n"] for row in rows(store, skipped)} == {"deleted": 1}


def test_a_replay_leaves_the_letters_of_other_runs(store: Store) -> None:
    made, other = Made(store), Made(store)
    other.add(0, dead=[letter(0)])
    made.add(0, dead=[letter(0)])
    foreign = [one.id for one in dead_letters(store, other.id)]
    with pytest.raises(RunError, match="another replay"):
        made.replay(foreign)
    assert [one.id for one in dead_letters(store, other.id)] == foreign
    assert dead_letters(store, replay_chunk=1) == []


def test_a_letter_of_a_record_that_has_one_replaces_its_error(store: Store) -> None:
    made = Made(store)
    made.add(0, dead=[letter(3, "first")])
    made.add(0, dead=[letter(3, "second", "classify")])
    assert [(one.position, one.stage, one.error) for one in dead_letters(store)] == [(3, "classify", "second")]
