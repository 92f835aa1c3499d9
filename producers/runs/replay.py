"""Dead letters become comments again: for a replay, and for the resumption of one."""

from collections import Counter, defaultdict
from collections.abc import Sequence

import msgspec

from moodmill.db.core.comment import Comment
from moodmill.db.core.errors import SourceError
from moodmill.db.core.payload import is_cut, is_marked
from moodmill.db.database.store import Store
from moodmill.db.ledger.dead_letters import ListedDeadLetter, StoredDeadLetter, dead_letters, set_errors
from moodmill.db.ledger.entries import Chunk, Run, SourceFile
from moodmill.db.ledger.ledger import Ledger
from moodmill.producers.runs.options import RunOptions
from moodmill.producers.runs.reopening import check_unchanged, open_for_payloads
from moodmill.producers.sources.record import Bad, Parsed, Record, Source


def open_replay(store: Store, letters: Sequence[ListedDeadLetter]) -> list[str]:
    """Put letters into chunks that wait to be sent, and return the runs that now have such chunks.

    A letter whose record still cannot be read stays, with the reason of now. Payloads are read a chunk at a time.
    """
    grouped: dict[tuple[str, int], list[int]] = defaultdict(list)
    for letter in letters:
        grouped[letter.run, letter.source_number].append(letter.id)
    runs = []
    for (run_id, source_number), ids in grouped.items():
        run = Ledger(store).run(run_id)
        size = RunOptions.from_json(run.options).chunk_comments
        opened = [_replay_chunk(store, run, source_number, ids[at : at + size]) for at in range(0, len(ids), size)]
        if any(opened) and run_id not in runs:
            runs.append(run_id)
    return runs


def letters_in_replay(store: Store, run: Run, chunk: Chunk) -> list[Comment]:
    """Return the comments of a chunk that replays dead letters."""
    reader = _Reader(run)
    records = [reader.read(letter) for letter in dead_letters(store, run.id, replay_chunk=chunk.number)]
    return [record.comment for record in records if isinstance(record, Parsed)]


def _replay_chunk(store: Store, run: Run, source_number: int, ids: Sequence[int]) -> bool:
    ledger, reader = Ledger(store), _Reader(run)
    filters = RunOptions.from_json(run.options).filters
    skipped: Counter[str] = Counter()
    replayed, passed, errors = [], [], {}
    for letter in dead_letters(store, ids=ids):
        record = reader.read(letter)
        if isinstance(record, Bad):
            if record.error != letter.error:
                errors[letter.id] = record.error
            continue
        reason = filters.reason_to_skip(record)
        if reason is None:
            replayed.append(letter.id)
        else:
            passed.append(letter.id)
            skipped[reason] += 1
    set_errors(store, errors)
    if not replayed and not passed:
        return False
    number = ledger.next_number(run.id)
    added = Chunk(
        number=number, source_number=source_number, first=0, stop=0, records=0, comments=len(replayed), replay=True
    )
    ledger.add_replay(run.id, added, skipped, replayed, passed)
    return bool(replayed)


class _Reader:
    """Reads the records of a run's letters. A source is opened once, so that letters in order take one pass."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._opened: dict[int, Source] = {}
        #: Why records are not read from a source again; None where they may be.
        self._changed: dict[int, str | None] = {}

    def read(self, letter: StoredDeadLetter) -> Record:
        if letter.stage == "classify" and not is_marked(letter.payload):
            try:
                return Parsed(comment=msgspec.json.decode(letter.payload, type=Comment))
            except msgspec.ValidationError as error:  # of a time when more was let in
                return Bad(position=letter.position, error=str(error), payload=letter.payload)
        number = letter.source_number
        file = next(one for one in self._run.sources if one.number == number)
        if is_cut(letter.payload):
            if number not in self._changed:
                self._changed[number] = _why_changed(self._run, file)
            if reason := self._changed[number]:
                return Bad(position=letter.position, error=reason, payload=letter.payload)
        if number not in self._opened:
            self._opened[number] = open_for_payloads(self._run, file)
        return self._opened[number].parse(letter.payload, letter.position)


def _why_changed(run: Run, file: SourceFile) -> str | None:
    try:
        check_unchanged(run, file)
    except SourceError as error:
        return f"the record is too long to be kept, and cannot be read again: {error}"
    return None
