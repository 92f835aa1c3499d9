"""What people ask the store: how a run stands, and its dead letters."""

from functools import partial

from moodmill.db.analytics.reads import run_ids, status
from moodmill.db.database.store import Store
from moodmill.db.ledger.dead_letters import dead_letters
from tests.db.builders import Made, at_once, classified, comments, letter


def standing(made: Made) -> tuple[str, bool, bool]:
    """Return a run's state, whether it succeeded, and whether its numbers add up."""
    now = status(made.store, made.id)
    return now.state, now.succeeded, now.adds_up


def test_a_run_is_reading_then_classifying_then_done(store: Store) -> None:
    made = Made(store)
    assert standing(made) == ("reading", False, True)
    made.add(3, {"deleted": 2})
    made.add(2, {"deleted": 1, "short": 4})
    assert standing(made) == ("reading", False, True)
    made.ledger.end_source(made.id, 0)
    made.ledger.close_input(made.id)
    assert standing(made) == ("classifying", False, True)
    made.store_chunk(0, classified(comments(range(3))))
    assert standing(made) == ("classifying", False, True)
    made.store_chunk(1, classified(comments(range(3, 5))))
    assert standing(made) == ("done", True, True)


def test_a_run_in_the_middle_is_counted_part_by_part(store: Store) -> None:
    made = Made(store, ["a", "b"])
    Made(store).add(99, {"deleted": 99}, [letter(5)])
    made.add(3, {"deleted": 2, "short": 1}, [letter(1)])
    made.add(4, {"deleted": 5})
    made.add(6, source_number=1)
    made.store_chunk(0, classified(comments(range(2))), [letter(2, "NaN", "classify")])
    made.ledger.fail(made.id, 1, "out of memory")
    now = status(store, made.id)
    assert now.sources == ("a", "b")
    assert (now.read, now.classified, now.new_rows, now.dead, now.waiting) == (22, 2, 2, 2, 10)
    assert now.skipped == {"deleted": 7, "short": 1}
    assert (now.chunks, now.pending_chunks, now.failed_chunks) == (3, 1, 1)
    assert now.failure == "out of memory"
    assert now.adds_up


def test_a_run_with_a_failed_chunk_is_not_finished(store: Store) -> None:
    made = Made(store)
    made.add(3)
    made.add(2)
    made.ledger.close_input(made.id)
    made.ledger.fail(made.id, 1, "second")
    made.ledger.fail(made.id, 0, "first")
    now = status(store, made.id)
    assert (now.state, now.finished, now.succeeded, now.adds_up) == ("failed", False, False, True)
    assert now.failure == "first"


def test_a_run_with_dead_letters_is_done_with_errors(store: Store) -> None:
    made = Made(store)
    made.add(3, dead=[letter(3)])
    made.ledger.close_input(made.id)
    made.store_chunk(0, classified(comments(range(2))), [letter(2, "NaN", "classify")])
    now = status(store, made.id)
    assert (now.state, now.finished, now.succeeded, now.adds_up) == ("done with errors", True, False, True)
    assert (now.read, now.classified, now.dead) == (4, 2, 2)


def test_a_run_with_a_source_error_is_done_with_errors(store: Store) -> None:
    made = Made(store)
    made.add(1)
    made.ledger.end_source(made.id, 0, "cut off")
    made.ledger.close_input(made.id)
    made.store_chunk(0, classified(comments([0])))
    now = status(store, made.id)
    assert (now.state, now.finished, now.succeeded, now.adds_up) == ("done with errors", True, False, True)
    assert now.source_errors == {"dump": "cut off"}


def test_numbers_that_do_not_add_up_are_told(store: Store) -> None:
    made = Made(store)
    made.add(3)
    made.ledger.close_input(made.id)
    made.store_chunk(0, classified(comments(range(2))))
    assert standing(made) == ("done with errors", False, False)


def test_numbers_add_up_while_chunks_are_added_and_stored(store: Store) -> None:
    made = Made(store)

    def process() -> bool:
        for number in range(25):
            made.add(2, {"deleted": 3}, [letter(10 * number)])
            made.store_chunk(number, classified(comments([number])), [letter(10 * number + 1)])
        made.ledger.close_input(made.id)
        return True

    def look() -> bool:
        while not (now := status(store, made.id)).finished:
            if not now.adds_up:
                return False
        return now.adds_up

    assert at_once(process, look) == [True, True]


def test_runs_come_newest_first(store: Store) -> None:
    made = [Made(store).id for _ in range(4)]
    assert run_ids(store) == made[::-1]


def test_dead_letters_are_found_by_run_by_id_and_by_replay(store: Store) -> None:
    made, other = Made(store, ["a"]), Made(store, ["b"])
    made.add(0, dead=[letter(n, f"error {n}") for n in range(3)])
    other.add(0, dead=[letter(0)])
    everything = dead_letters(store)
    assert [(one.run, one.source, one.position) for one in everything] == [
        *((made.id, "a", n) for n in range(3)),
        (other.id, "b", 0),
    ]
    ids = [one.id for one in everything]
    assert ids == sorted(set(ids))
    assert dead_letters(store, made.id) == everything[:3]
    assert dead_letters(store, ids=ids[1:]) == everything[1:]
    assert dead_letters(store, made.id, ids=ids[2:]) == [everything[2]]
    assert dead_letters(store, "20240301-abcdef") == []
    replay = made.replay(ids[:2])
    assert [one.id for one in dead_letters(store, made.id, replay_chunk=replay.number)] == ids[:2]
    assert dead_letters(store, other.id, replay_chunk=replay.number) == []


def test_a_replay_turns_dead_into_classified_and_reads_nothing(store: Store) -> None:
    made = Made(store)
    made.add(0, dead=[letter(n) for n in range(4)])
    made.ledger.close_input(made.id)
    ids = [one.id for one in dead_letters(store)]
    replay = made.replay(ids[:2], passed=ids[2:3])
    now = status(store, made.id)
    assert (now.state, now.read, now.classified, now.waiting, now.dead) == ("classifying", 4, 0, 2, 1)
    assert (now.skipped, now.adds_up) == ({"deleted": 1}, True)
    made.store_chunk(replay.number, classified(comments([0, 1])))
    now = status(store, made.id)
    assert (now.state, now.read, now.classified, now.waiting, now.dead) == ("done with errors", 4, 2, 0, 1)
    assert now.adds_up
    assert [one.id for one in dead_letters(store)] == ids[3:]


def test_a_letter_that_dies_again_in_its_replay_stays_with_its_new_error(store: Store) -> None:
    made = Made(store)
    made.add(0, dead=[letter(n) for n in range(2)])
    made.ledger.close_input(made.id)
    replay = made.replay([one.id for one in dead_letters(store)])
    made.store_chunk(replay.number, classified(comments([0])), [letter(1, "again", "classify")])
    [left] = dead_letters(store)
    assert (left.position, left.stage, left.error) == (1, "classify", "again")
    now = status(store, made.id)
    assert (now.read, now.classified, now.dead, now.adds_up) == (2, 1, 1, True)


def test_the_last_replay_makes_the_run_succeed(store: Store) -> None:
    made = Made(store)
    made.add(0, dead=[letter(0)])
    made.ledger.close_input(made.id)
    replay = made.replay([one.id for one in dead_letters(store)])
    stored = at_once(*[partial(made.store_chunk, replay.number, classified(comments([0])))] * 2)
    assert sorted(stored) == [False, True]
    assert standing(made) == ("done", True, True)
