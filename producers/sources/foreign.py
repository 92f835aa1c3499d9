"""Kinds of files that hold no text that is read, recognized by their first bytes or names, and what to do with them."""

from dataclasses import dataclass
from pathlib import PurePath

from moodmill.db.core.errors import SourceError
from moodmill.producers.sources.place import Place

#: Bytes of a file's beginning that tell its kind.
HEAD = 512
#: Where a tar archive says that it is one, and how POSIX and GNU have it: "mustard" may stand there, too.
_USTAR = slice(257, 265)
_USTARS = (b"ustar\x0000", b"ustar  \0")
#: Where the name of a zip archive's first member begins.
_FIRST_NAME = 30
#: What that is in documents of Office.
_OF_OFFICE = (b"[Content_Types].xml", b"_rels/.rels", b"docProps/", b"xl/", b"word/")
#: What may stand before the first tag of a page.
_BEFORE_TAGS = b"\xef\xbb\xbf \t\r\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class Foreign:
    """A kind of file that is not read: how its files are named and begin, and what to do with one."""

    name: str
    suffixes: tuple[str, ...] = ()
    #: Only such as no text begins with.
    magics: tuple[bytes, ...] = ()
    advice: str

    def __str__(self) -> str:
        return f"{self.name}, which is not read: {self.advice}"


_UNPACK = "unpack it, and label the folder"
_SHEET = "save each sheet as CSV UTF-8"
_TABLE = "write its table as CSV or Parquet"
_DECOMPRESS = "decompress it, or compress it as .zst or .gz"

_ZIP = Foreign(
    name="a zip archive",
    magics=(b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08"),
    advice=f"name it .zip, or {_UNPACK}; in another archive it has to be unpacked",
)
_TAR = Foreign(
    name="a tar archive", advice=f"name it .tar (.tar.gz, .tar.zst), or {_UNPACK}; in another archive unpack it"
)
_WORKBOOK = Foreign(name="an Excel workbook", suffixes=(".xlsx", ".xlsm", ".xlsb", ".xls"), advice=_SHEET)
_OFFICE = Foreign(name="an Excel workbook or another document of Office", advice=_SHEET)
_OPEN_DOCUMENT = Foreign(name="an OpenDocument file", suffixes=(".ods", ".odt", ".fods"), advice=_SHEET)
_PAGE = Foreign(
    name="a web page",
    suffixes=(".html", ".htm", ".mhtml"),
    advice="a site may have sent it in place of the file, as it does to whoever is not logged in; fetch the file again",
)
_XML = Foreign(name="an XML file", suffixes=(".xml",), advice="write its records as CSV or as JSON, one a line")

FOREIGN = (
    _ZIP,
    _TAR,
    _WORKBOOK,
    _OFFICE,
    _OPEN_DOCUMENT,
    _PAGE,
    _XML,
    Foreign(name="a 7-Zip archive", suffixes=(".7z",), magics=(b"7z\xbc\xaf\x27\x1c",), advice=_UNPACK),
    Foreign(name="a RAR archive", suffixes=(".rar",), magics=(b"Rar!\x1a\x07",), advice=_UNPACK),
    Foreign(
        name="one part of an archive or a file in several",
        suffixes=(".001", ".002", ".z01", ".z02", ".zipx"),
        advice="join its parts, and label what comes of them",
    ),
    Foreign(
        name="an unfinished download",
        suffixes=(".part", ".partial", ".crdownload", ".download", ".aria2", ".!qb", ".tmp"),
        advice="wait for its end, or fetch it again",
    ),
    Foreign(
        name="an old file of Excel or Word",
        suffixes=(".doc",),
        magics=(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",),
        advice=_SHEET,
    ),
    Foreign(name="a Word document", suffixes=(".docx",), advice="write its records as CSV"),
    Foreign(name="a Numbers spreadsheet", suffixes=(".numbers",), advice=_SHEET),
    Foreign(
        name="an SQLite database",
        suffixes=(".sqlite", ".sqlite3", ".db", ".db3"),
        magics=(b"SQLite format 3\0",),
        advice=f"{_TABLE}, or let a job of `moodmill schedule` read it",
    ),
    Foreign(name="a DuckDB database", suffixes=(".duckdb",), advice=_TABLE),
    Foreign(
        name="Parquet where text is expected",
        magics=(b"PAR1\x15", b"PARE\x15"),
        advice="name it .parquet, without a compression of the whole file around it",
    ),
    Foreign(
        name="Arrow or Feather where text is expected",
        magics=(b"ARROW1\0\0", b"FEA1\0\0\0\0"),
        advice="name it .arrow or .feather, without a compression of the whole file around it",
    ),
    Foreign(name="an ORC file", suffixes=(".orc",), advice=_TABLE),
    Foreign(name="an Avro file", suffixes=(".avro",), magics=(b"Obj\x01",), advice=_TABLE),
    Foreign(name="an HDF5 file", suffixes=(".h5", ".hdf5", ".hdf"), magics=(b"\x89HDF\r\n\x1a\n",), advice=_TABLE),
    Foreign(name="an array of NumPy", suffixes=(".npy", ".npz"), magics=(b"\x93NUMPY",), advice=_TABLE),
    Foreign(
        name="a pickle of Python",
        suffixes=(".pkl", ".pickle", ".joblib"),
        magics=tuple(bytes((0x80, protocol, 0x95)) for protocol in (4, 5)),
        advice=f"whoever opens one runs what its maker wrote; {_TABLE}",
    ),
    Foreign(
        name="a file of R",
        suffixes=(".rds", ".rdata", ".rda"),
        magics=(b"RDX2\nX\n", b"RDX3\nX\n", b"X\n\0\0\0\x02\0", b"X\n\0\0\0\x03\0"),
        advice="in R, write its table by write.csv(table, file, row.names = FALSE, fileEncoding = 'UTF-8')",
    ),
    Foreign(
        name="a file of SPSS, Stata or SAS",
        suffixes=(".sav", ".zsav", ".dta", ".sas7bdat"),
        magics=(b"$FL2@(#)", b"$FL3@(#)", b"<stata_dta>"),
        advice=_TABLE,
    ),
    Foreign(name="a PDF", suffixes=(".pdf",), magics=(b"%PDF-",), advice="write its records as CSV"),
    Foreign(name="an RTF document", suffixes=(".rtf",), magics=(b"{\\rtf1",), advice="save it as plain CSV"),
    Foreign(
        name="a pointer of Git LFS to the file",
        magics=(b"version https://git-lfs.github.com/",),
        advice="fetch the file itself by `git lfs pull`",
    ),
    Foreign(
        name="a compression other than zstd, gzip, bzip2 and xz",
        suffixes=(".lz4", ".br", ".lz", ".lzma", ".lzo", ".sz", ".snappy", ".z"),
        magics=(b"\x04\x22\x4d\x18", b"LZIP\x01", b"\x1f\x9d\x90", b"\xff\x06\0\0sNaPpY", b"\x5d\0\0\x80\0\xff"),
        advice=_DECOMPRESS,
    ),
)


def is_zip(head: bytes) -> bool:
    """Tell whether a file that begins so is a zip archive, and no document that is kept as one."""
    return foreign_head(head) is _ZIP


def is_tar(head: bytes) -> bool:
    """Tell whether a file that begins so is a tar archive."""
    return head[_USTAR] in _USTARS


def foreign_name(path: PurePath) -> Foreign | None:
    """Return the kind by a file's name, None where it is none of those here."""
    suffix = path.suffix.lower()
    return next((kind for kind in FOREIGN if suffix in kind.suffixes), None)


def foreign_head(head: bytes) -> Foreign | None:
    """Return the kind of a file, or of what a compression holds, that begins so."""
    if head.startswith(_ZIP.magics):
        first = head[_FIRST_NAME:]
        if first.startswith(_OF_OFFICE):
            return _OFFICE
        return _OPEN_DOCUMENT if first.startswith(b"mimetypeapplication/vnd.oasis") else _ZIP
    if is_tar(head):
        return _TAR
    tag = head[:HEAD].lstrip(_BEFORE_TAGS)[:16].lower()
    if tag.startswith((b"<!doctype html", b"<html")):
        return _PAGE
    if tag.startswith(b"<?xml"):
        return _XML
    return next((kind for kind in FOREIGN if kind.magics and head.startswith(kind.magics)), None)


def refuse_foreign(place: Place, head: bytes) -> None:
    """Raise SourceError where a place begins as a kind of file does that holds no text."""
    if kind := foreign_head(head):
        raise SourceError(f"{place} is {kind}")
