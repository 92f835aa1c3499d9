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
    """The line whose end has not come yet."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.length = 0

    def add(self, piece: bytes) -> None:
        self.length += len(piece)
        if self.length <= LINE_LIMIT:
            self._pieces.append(piece)
        elif self.length - len(piece) <= LINE_LIMIT:  # only the piece that goes beyond finds more than the head
            self._pieces = [b"".join((*self._pieces, piece))[:HEAD]]

    def take(self) -> bytes | Overlong:
        """Return the line and begin the next."""
        line, length = b"".join(self._pieces), self.length
        self._pieces, self.length = [], 0
        return line.removesuffix(b"\r") if length <= LINE_LIMIT else Overlong(line, length)


def read_lines(blocks: Iterable[bytes], start: int = 0) -> Iterator[tuple[int, bytes | Overlong]]:
    r"""Yield the lines from number `start` (from 0) on with their numbers and without their ends.

    Only b"\n" ends a line, for "\r" and U+2028 stand inside bodies; one b"\r" before it is dropped. The last line
    needs no end. If `blocks` raises (a truncated file), the line that was being read is not yielded.
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
        for whole in others:
            number += 1
            yield number, whole[:-1] if whole.endswith(b"\r") else whole
        number += 1
    if line.length:
        yield number, _without_bom(number, line.take())


def _without_bom(number: int, line: bytes | Overlong) -> bytes | Overlong:
    return line.removeprefix(_BOM) if number == 0 and isinstance(line, bytes) else line
