"""Archives made byte by byte, as no well-meaning writer makes them. No test stands here."""

import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Zipped:
    """A member of a zip archive: what is in it, and what is written of that, right or wrong."""

    name: bytes
    data: bytes = b"text\na\n"
    #: As the archive holds it; None: as it is.
    packed: bytes | None = None
    method: int = 0
    flags: int = 0
    #: Of Unix: its type and permissions.
    mode: int = 0
    size: int | None = None
    crc: int | None = None
    #: Stand at the header of the member before.
    is_over_the_last: bool = False


def zip_of(*members: Zipped, count: int | None = None, disk: int = 0, comment: bytes = b"") -> bytes:
    body, directory, begin = bytearray(), bytearray(), 0
    for member in members:
        packed = member.data if member.packed is None else member.packed
        size = len(member.data) if member.size is None else member.size
        crc = zlib.crc32(member.data) if member.crc is None else member.crc
        same = (member.flags, member.method, 0, 0x21, crc, len(packed), size, len(member.name), 0)
        if not member.is_over_the_last:
            begin = len(body)
            body += struct.pack("<4sH4H3L2H", b"PK\3\4", 20, *same) + member.name + packed
        directory += struct.pack("<4sHH4H3L2H", b"PK\1\2", 3 << 8, 20, *same)
        directory += struct.pack("<3H2L", 0, 0, 0, member.mode << 16, begin) + member.name
    number = len(members) if count is None else count
    end = struct.pack("<4s4H2LH", b"PK\5\6", disk, 0, number, number, len(directory), len(body), len(comment))
    return bytes(body + directory + end + comment)


def zipped(path: Path, *members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    """Write a zip archive as Python does."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return path


def tar_of(*members: tuple[str, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    return tar_of_infos([(tarfile.TarInfo(name), data) for name, data in members], form=form)


def tar_of_infos(members: Iterable[tuple[tarfile.TarInfo, bytes]], form: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form, errors="surrogateescape") as archive:
        for info, data in members:
            info.size = len(data)
            if info.name.endswith("/"):
                info.type = tarfile.DIRTYPE
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def header(name: bytes, size: int | bytes, kind: bytes = b"0") -> bytes:
    """Return the header of a tar's member that says any size; as bytes it is written as it is."""
    written = b"%011o\0" % size if isinstance(size, int) else size
    block = name.ljust(100, b"\0") + b"0000644\0" * 3 + written + b"00000000000\0" + b" " * 8 + kind
    block = block.ljust(257, b"\0") + b"ustar\x0000"
    block = block.ljust(512, b"\0")
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]
