"""What a summary says of a run besides its sum: how sources were read, what was passed over, what is to be known."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from moodmill.db.core import note_kinds
from moodmill.db.core.comment import ANOTHER_ID
from moodmill.db.core.unsupported import NOTES

if TYPE_CHECKING:
    from moodmill.db.analytics.reads import RunStatus
    from moodmill.db.ledger.entries import Note

#: Names that a line shows, and layouts that a summary shows.
SHOWN_NAMES: Final = 5
SHOWN_LAYOUTS: Final = 5
#: Texts that the model was not made for, by why.
UNSUPPORTED: Final = {
    "language": "mostly in another language than the model's",
    "tokens": "mostly unknown to the model's tokenizer",
}


def remarks(status: "RunStatus") -> Iterator[tuple[str, str]]:
    """Yield what is to be said of a run, each with the word that stands before it."""
    yield from _layouts(status)
    for kind, note in status.notes.items():
        yield from _of_note(kind, note, status.read)
    is_empty = status.read and status.finished and not status.cancelled and not status.classified
    if is_empty and note_kinds.NOTHING_PASSED not in status.notes:
        yield "nothing", "no record was labelled: see above why they were skipped"
    for reason, names in status.passed_over.items():
        yield "passed over", f"{_files(len(names))}, {reason}: {some(names)}"


def some(names: Sequence[str]) -> str:
    """Return names in a line, of many the first ones."""
    more = len(names) - SHOWN_NAMES
    return ", ".join([*names[:SHOWN_NAMES], *([f"and {more:,} more"] if more > 0 else [])])


def _layouts(status: "RunStatus") -> Iterator[tuple[str, str]]:
    """Say how tables and JSON were read; files that were read alike are said together."""
    from moodmill.producers.sources import Layout

    read = {name: Layout.from_json(layout) for name, layout in status.layouts.items()}
    alike = Counter(layout.describe() for layout in read.values() if layout.fields.called)
    for description, n in alike.most_common(SHOWN_LAYOUTS):
        yield "read as", f"{f'{_files(n)}: ' if len(status.sources) > 1 else ''}{description}"
    if len(alike) > SHOWN_LAYOUTS:
        others = sum(alike.values()) - sum(n for _, n in alike.most_common(SHOWN_LAYOUTS))
        yield "read as", f"{_files(others)}: in other ways, see `moodmill run show {status.id} --json`"


def _of_note(kind: str, note: "Note", read: int) -> Iterator[tuple[str, str]]:
    match kind:
        case note_kinds.UNREAD_TIME:
            yield "no time", f"{note.n:,} of {read:,} have no time: {note.example}"
        case note_kinds.REMOVED_TITLE:
            yield "titles", f"{note.n:,} posts whose text is gone have a title: --removed-titles labels it"
        case note_kinds.NOT_UTF8:
            yield "not UTF-8", f"{note.n:,} records hold bytes that are no UTF-8: \ufffd stands in their place"
        case note_kinds.NOTHING_PASSED:
            yield "nothing", note.example or "no record passes the filters"
        case _ if kind in NOTES:
            yield "unsupported", f"{note.n:,} texts are {UNSUPPORTED[NOTES[kind]]}: what it says of them means little"
        case _ if kind == ANOTHER_ID:
            return  # which stands in the sum
        case _:
            yield "note", f"{note.example or kind}"


def _files(n: int) -> str:
    return f"{n:,} {'file' if n == 1 else 'files'}"
