"""Blocks of bytes cut into lines, in memory that the longest line cannot fill."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

#: Bytes of the longest line that is read. Reddit's longest records have about 1 MiB.
LINE_LIMIT = 16 << 20
#: Bytes kept of a longer one.
HEAD = 64 << 10

#: Some exports begin with a byte order mark, which is no part of the first line.
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Overlong:
    """What stands for a line of more than LINE_LIMIT bytes."""

    head: bytes
    length: int

    @property
    def error(self) -> str:
        """Say what is wrong with the line."""
        return f"line of {self.length} bytes; at most {LINE_LIMIT >> 20} MiB are read"


class _OpenLine:
    """The line whose end has not come yet. NULs before it are dropped; those at its end so far are only counted."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._nuls = 0
        self.length = 0

    def add(self, piece: bytes) -> None:
        if not self.length:
            piece = piece.lstrip(b"\0")
        content = piece.rstrip(b"\0")
        if content:
            # No more of them are made than no line may have.
            self._append(bytes(min(self._nuls, LINE_LIMIT)), self._nuls)
            self._append(content, len(content))
            self._nuls = 0
        self._nuls += len(piece) - len(content)

    def take(self) -> bytes | Overlong:
        """Return the line and begin the next."""
        line, length = b"".join(self._pieces), self.length
        self._pieces, self._nuls, self.length = [], 0, 0
        return _bare(line) if length <= LINE_LIMIT else Overlong(line, length)

    def _append(self, piece: bytes, length: int) -> None:
        self.length += length
        if self.length <= LINE_LIMIT:
            self._pieces.append(piece)
        elif self.length - length <= LINE_LIMIT:  # only the piece that goes beyond finds more than the head
            self._pieces = [b"".join((*self._pieces, piece))[:HEAD]]


def read_lines(blocks: Iterable[bytes], start: int = 0) -> Iterator[tuple[int, bytes | Overlong]]:
    r"""Yield the lines from number `start` (from 0) on with their numbers and without their ends.

    Only b"\n" ends a line, for "\r" and U+2028 stand inside bodies; one b"\r" before it is dropped. The last line
    needs no end. If `blocks` raises (a truncated file), the line that was being read is not yielded. Runs of NULs
    before and behind a line are dropped: files have them whose disk was full or whose machine went down.
    """
    number = 0
    line = _OpenLine()
    for block in blocks:
        rest = block
        if number < start:
            ends = rest.count(b"\n")
            if number + ends < start:
                number += ends
                continue
            rest = rest.split(b"\n", start - number)[-1]
            number = start
        first, *others = rest.split(b"\n")
        line.add(first)
        if not others:
            continue
        yield number, _without_bom(number, line.take())
        line.add(others.pop())
        nuls = b"\0" in rest  # seen once for all its lines, for next to no block has one
        for whole in others:
            number += 1
            yield number, _bare(whole) if nuls else whole[:-1] if whole.endswith(b"\r") else whole
        number += 1
    if line.length:
        yield number, _without_bom(number, line.take())


def _bare(line: bytes) -> bytes:
    return line.removesuffix(b"\r").strip(b"\0")


def _without_bom(number: int, line: bytes | Overlong) -> bytes | Overlong:
    return line.removeprefix(_BOM) if number == 0 and isinstance(line, bytes) else line
