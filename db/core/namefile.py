"""Files of names: one a line, as people write them, and as spreadsheets, pandas and lists of subreddits have them."""

import codecs
import csv
import re
from pathlib import Path
from typing import Final

from moodmill.db.core.errors import SettingError

#: Bytes that a file of names has at most: some five million names.
MAX_BYTES: Final = 100_000_000
#: What may stand between a name and the numbers behind it; the first that the file has counts.
_DELIMITERS: Final = ("\t", ";", ",")
#: 1200, 1,200, 12.5 %, 3.4e6, 1.2M.
_NUMBER: Final = re.compile(r"[+-]?[\d.,_' \u00a0\u202f]*\d(?:[eE][+-]?\d+)?\s*[kKmMbB%]?")
_QUOTED: Final = re.compile(r'"(?:[^"]|"")*"')
_COMMENT: Final = re.compile(r"\s+#.*")
#: Marks at the beginning that tell the encoding. UTF-32's begins as UTF-16's does.
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

#: A line's number, from 1, and its fields.
_Line = tuple[int, list[str]]


def read_names(path: Path) -> list[str]:
    """Return the names in a file, as they are written there.

    One a line, quoted or not; numbers may follow, with tabs, semicolons or commas between. Blank lines are passed over,
    and so are those that begin with #, what follows # behind a blank, and a header above numbers. It is UTF-8, or what
    a byte order mark says. Raises SettingError where it cannot be read, is of another form, or names nothing.
    """
    lines = _lines(path, _decoded(path))
    numbered = [fields for _, fields in lines[1:] if len(fields) > 1]
    if numbered and len(lines[0][1]) > 1 and not _is_number(lines[0][1][1]) and _is_number(numbered[0][1]):
        del lines[0]  # it says what the columns are
    for number, fields in lines:
        if len(fields) > 1 and not _is_number(fields[1]):
            what = "a number" if _is_number(fields[0]) else "several names"
            raise SettingError(
                f"{path}, line {number}: expected one name a line, or a name and numbers, found {what} in front of "
                f"{fields[1][:60]!r}; a name with the delimiter in it stands in double quotes"
            )
    names = [fields[0] for _, fields in lines if fields[0]]
    if not names:
        raise SettingError(f"{path} names nothing to filter by: expected a name a line")
    return names


def _decoded(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise SettingError(f"cannot read the names in {path}: {error.strerror}") from error
    if len(data) > MAX_BYTES:
        raise SettingError(f"{path} is no file of names: it has more than {MAX_BYTES:,} bytes")
    mark, encoding = next(((mark, name) for mark, name in _MARKS if data.startswith(mark)), (b"", "utf-8"))
    try:
        text = data[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: len(mark) + error.start].count(b"\n") + 1
        raise SettingError(
            f"{path} is no {encoding.upper()}: line {line} has the bytes {error.object[error.start : error.end]!r}; "
            "save it as UTF-8"
        ) from error
    if "\0" in text:
        raise SettingError(f"{path} has NUL bytes, as UTF-16 without a byte order mark has: save it as UTF-8")
    return text


def _lines(path: Path, text: str) -> list[_Line]:
    """Return the lines that are no comments, each cut into fields."""
    written = enumerate(re.split(r"\r\n|\r|\n", text.replace("\ufeff", "")), 1)  # files put together have marks inside
    kept = [(number, line) for number, line in ((number, _uncommented(line)) for number, line in written) if line]
    bare = [_QUOTED.sub("", line) for _, line in kept]
    delimiter = next((one for one in _DELIMITERS if any(one in line for line in bare)), ",")
    return [(number, _fields(path, number, line, delimiter)) for number, line in kept]


def _uncommented(line: str) -> str:
    line = line.strip()
    if line.startswith("#"):
        return ""
    return line if '"' in line else _COMMENT.sub("", line)


def _fields(path: Path, number: int, line: str, delimiter: str) -> list[str]:
    """Return the fields of a line, without the empty ones at its end."""
    fields = line.split(delimiter)
    if '"' in line:
        try:
            fields = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True, strict=True))
        except csv.Error as error:
            raise SettingError(f"{path}, line {number}: a name in broken quotes ({error}): {line[:60]!r}") from error
    fields = [field.strip() for field in fields]
    while len(fields) > 1 and not fields[-1]:
        fields.pop()
    return fields


def _is_number(field: str) -> bool:
    return _NUMBER.fullmatch(field) is not None
