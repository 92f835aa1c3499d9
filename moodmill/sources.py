"""What a kind of source of your own is made of: the contract `Source`, and the parts that moodmill's own are made of.

    moodmill.register_source("chat", ChatLog, suffixes=[".chat"])

or, in a package, an entry point of the group `moodmill.sources`, by which every command knows the kind too.
"""

from moodmill.db.core.errors import SourceError
from moodmill.producers.sources.bad import bad
from moodmill.producers.sources.bytestream import ByteStream
from moodmill.producers.sources.kinds import GROUP, register_source
from moodmill.producers.sources.layout import Layout, ReadOptions
from moodmill.producers.sources.lines import Overlong, read_lines
from moodmill.producers.sources.place import Place
from moodmill.producers.sources.record import Bad, Parsed, Record, Source
from moodmill.producers.sources.table_row import to_parsed

__all__ = [
    "GROUP",
    "Bad",
    "ByteStream",
    "Layout",
    "Overlong",
    "Parsed",
    "Place",
    "ReadOptions",
    "Record",
    "Source",
    "SourceError",
    "bad",
    "read_lines",
    "register_source",
    "to_parsed",
]
