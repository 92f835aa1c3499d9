"""How a source is read: as somebody says, and as it was found."""

from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec

Ids = Literal["reddit", "table"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Columns:
    """The column of each field: a name, a dotted path, or a number from 1. None: the first known name there is."""

    text: str | None = None
    id: str | None = None
    subreddit: str | None = None
    author: str | None = None
    created_at: str | None = None
    #: Of a post: stands before its text.
    title: str | None = None
    #: Reddit's address of the record, which holds its id and its subreddit.
    link: str | None = None


class ReadOptions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How sources are to be read, as far as somebody says so; None stands for what is found."""

    kind: str | None = None
    columns: Columns = Columns()
    #: The character between the fields of a table.
    delimiter: str | None = None
    #: The character around fields, and the one before a character that is meant as itself; "": none.
    quote: str | None = None
    escape: str | None = None
    encoding: str | None = None
    #: The number of the line that names the columns, from 1; 0: none does.
    header_row: int | None = None
    #: "day first", "month first", or a format of strptime.
    time_format: str | None = None
    #: Label words that stand for null, as NULL and NaN, in tables.
    null_words: bool = False
    #: Of a post whose text is gone and whose title stands, label the title.
    removed_titles: bool = False

    @property
    def asked(self) -> frozenset[str]:
        """The names of the options that somebody gave, `text_column` and the like among them."""
        plain = {name for name in self.__struct_fields__ if getattr(self, name) != getattr(AS_FOUND, name)}
        columns = {f"{name}_column" for name in Columns.__slots__ if getattr(self.columns, name) is not None}
        return frozenset((plain - {"columns", "kind"}) | columns)


#: Nothing is asked for.
AS_FOUND: Final = ReadOptions()
#: Options of ReadOptions that any kind of table takes.
COLUMN_OPTIONS: Final = frozenset(
    {*(f"{name}_column" for name in Columns.__slots__), "time_format", "null_words", "removed_titles"}
)


class Fields(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the fields of a comment are, by the names of Columns."""

    #: Numbers of columns, from 0; beside the names of Columns, `time_of_day`: a clock that stands apart from its day.
    columns: dict[str, int] = {}
    #: The columns as people call them: names, numbers from 1, or dotted paths.
    called: dict[str, str] = {}
    #: What is the same in all rows, as the folders above the file say.
    constants: dict[str, str | None] = {}
    #: See moodmill.producers.sources.times; None: no time is ambiguous.
    time_form: str | None = None
    #: Rows are posts: the title stands before the text, and ids are those of submissions.
    is_posts: bool = False
    #: Columns that hold records of their own, which are not read: the comments of a post, the replies to a comment.
    unread: tuple[str, ...] = ()
    #: Whose ids these are: Reddit's, which name one comment wherever they stand, or the table's own.
    ids: Ids = "table"

    def describe(self) -> str:
        """Say in a line which columns hold what."""
        said = [f"{field.replace('_', ' ')} in {name!r}" for field, name in self.called.items()]
        said += [f"{field.replace('_', ' ')} is {value!r}" for field, value in self.constants.items()]
        said += [f"times {self.time_form}"] if self.time_form else []
        return ", ".join([*said, *(f"not read: the records within {name!r}" for name in self.unread)])


class Layout(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How one source is read, as found when its run began: the ledger keeps it, so that each later reading is alike."""

    kind: str
    fields: Fields = Fields()
    encoding: str | None = None
    #: Of a table as text. None: nothing is quoted, nothing is escaped.
    delimiter: str | None = None
    quote: str | None = None
    escape: str | None = None
    #: The escape stands in fields without quotes as well; see moodmill.producers.sources.dialect.
    escapes_unquoted: bool = False
    #: What ends a line: "\n", before which "\r" may stand, or "\r" alone.
    line_end: str = "\n"
    #: The number of the line that names the columns, from 1; None: none does.
    header_row: int | None = None
    #: Fields of a row.
    width: int | None = None
    #: Of JSON documents: the places of the records, a line each: the keys that lead there with dots between, `item` for
    #: all values of an array. None: each line is a record.
    records_at: str | None = None

    def describe(self) -> str:
        """Say in a line how the source is read."""
        places = [] if self.records_at is None else [f"records at {' and '.join(self.records_at.split())}"]
        parts = [self.kind, *self._dialect(), *places]
        return f"{', '.join(parts)}: {self.fields.describe()}" if self.fields.called else ", ".join(parts)

    def _dialect(self) -> list[str]:
        if self.delimiter is None:
            return []
        quoting = "nothing quoted" if self.quote is None else f"{self.quote} around them"
        escaping = [] if self.escape is None else [f"{self.escape} before what is meant as itself"]
        header = "no header" if self.header_row is None else f"header in line {self.header_row}"
        return [f"{_shown(self.delimiter)} between fields", quoting, *escaping, header, self.encoding or "utf-8"]

    def to_json(self) -> dict[str, Any]:
        built: dict[str, Any] = msgspec.to_builtins(self)
        return built

    @classmethod
    def from_json(cls, kept: Any) -> "Layout":
        return msgspec.convert(kept, cls)


def _shown(character: str) -> str:
    return "tab" if character == "\t" else repr(character)
