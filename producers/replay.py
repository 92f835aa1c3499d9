"""Dead letters become comments again: for a replay, and for the resumption of one."""

from collections import Counter, defaultdict
from collections.abc import Sequence

import msgspec

from db.comment import Comment
from db.ledger import Chunk, Ledger, Run
from db.reads import Letter, dead_letters
from db.store import Store
from producers.options import RunOptions
from producers.record import Bad, Parsed, Record, Source
from producers.reopening import open_for_payloads


def open_replay(store: Store, letters: Sequence[Letter]) -> list[str]:
    """Put letters into chunks that wait to be sent, and return the runs that now have such chunks.

    A letter whose record still cannot be read stays as it is.
    """
    grouped: dict[tuple[str, int], list[Letter]] = defaultdict(list)
    for letter in letters:
        grouped[letter.run, letter.source_number].append(letter)
    ledger = Ledger(store)
    runs = []
    for (run_id, source_number), group in grouped.items():
        run = ledger.run(run_id)
        options = RunOptions.from_json(run.options)
        size = options.chunk_comments
        opened = [_replay_chunk(ledger, run, source_number, group[at : at + size]) for at in range(0, len(group), size)]
        if any(opened) and run_id not in runs:
            runs.append(run_id)
    return runs


def letters_in_replay(store: Store, run: Run, chunk: Chunk) -> list[Comment]:
    """Return the comments of a chunk that replays dead letters."""
    letters = dead_letters(store, run.id, replay_chunk=chunk.number)
    opened: dict[int, Source] = {}
    records = [_read(letter, run, opened) for letter in letters]
    return [record.comment for record in records if isinstance(record, Parsed)]


def _replay_chunk(ledger: Ledger, run: Run, source_number: int, letters: Sequence[Letter]) -> bool:
    options = RunOptions.from_json(run.options)
    skipped: Counter[str] = Counter()
    replayed, passed = [], []
    opened: dict[int, Source] = {}
    for letter in letters:
        record = _read(letter, run, opened)
        if isinstance(record, Bad):
            continue
        reason = options.filters.reason_to_skip(record)
        if reason is None:
            replayed.append(letter.id)
        else:
            passed.append(letter.id)
            skipped[reason] += 1
    if not replayed and not passed:
        return False
    number = ledger.next_number(run.id)
    added = Chunk(
        number=number, source_number=source_number, first=0, stop=0, records=0, comments=len(replayed), replay=True
    )
    ledger.add_replay(run.id, added, skipped, replayed, passed)
    return bool(replayed)


def _read(letter: Letter, run: Run, opened: dict[int, Source]) -> Record:
    """Read the record of a letter. A source is opened once: those that read theirs again then do so in one pass."""
    if letter.stage == "classify":
        try:
            return Parsed(comment=msgspec.json.decode(letter.payload, type=Comment))
        except msgspec.ValidationError as error:  # of a time when more was let in
            return Bad(position=letter.position, error=str(error), payload=letter.payload)
    if letter.source_number not in opened:
        file = next(one for one in run.sources if one.number == letter.source_number)
        opened[letter.source_number] = open_for_payloads(run, file)
    return opened[letter.source_number].parse(letter.payload, letter.position)
