"""What a file is that is no table as text, by how it begins."""

from typing import Final

_BEGINNINGS: Final = (
    (b"PK\x03\x04", "a zip archive or an Excel workbook", "unpack it, or save its sheet as CSV (UTF-8)"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel or Office file", "save its sheet as CSV (UTF-8)"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it: 7z x"),
    (b"Rar!\x1a\x07", "a rar archive", "unpack it: unrar x"),
    (b"PAR1", "Parquet", "read it with --format parquet"),
    (b"ARROW1", "an Arrow file", "name it .arrow"),
    (b"FEA1", "an old Feather file", "write it again with a newer pyarrow"),
    (b"SQLite format 3\0", "an SQLite database", "export its table as CSV"),
    (b"%PDF-", "a PDF", "get its table as CSV"),
    (b"{\\rtf", "a rich text document", "save it as plain text"),
    (b"\x89PNG", "a picture", "give the table itself"),
    (b"\xff\xd8\xff", "a picture", "give the table itself"),
    (b"version https://git-lfs.github.com/spec/", "a pointer to a file in Git LFS", "fetch it: git lfs pull"),
)
_MARKUP: Final = (b"<!doctype", b"<html", b"<?xml", b"<table")


def foreign(head: bytes) -> str | None:
    """Return what a file is that begins with `head` and what to do, if it is clearly no table as text."""
    for beginning, what, advice in _BEGINNINGS:
        if head.startswith(beginning):
            return f"{what}: {advice}"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text[:16].lower().startswith(_MARKUP):
        return "a page of HTML or XML: a download may have gone wrong, fetch the table itself"
    if (text[:1], text[1:64].lstrip()[:1]) in ((b"{", b'"'), (b"[", b"{")):
        return "JSON: read it by its name, .json or .jsonl"
    return None
