"""Compiled graphs that are kept on disk, so that a later start neither makes nor compiles one, and imports no torch.

A file a graph, precision and processor, named by what made it: where weights, engine or processor are others, so is the
name, and the old file goes when room is needed.
"""

import hashlib
import io
import logging
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from moodmill.db.core.atomicfile import atomic_file, make_folder
from moodmill.worker.core.cpu import instructions, processor
from moodmill.worker.core.openvino import CompiledGraph, Graph, silent_openvino

ov: Final = silent_openvino()

logger = logging.getLogger(__name__)

#: Bytes of all files together, and how many there are, at most: what was not used for longest goes.
MAX_BYTES: Final = 4 * 2**30
MAX_FILES: Final = 24
_SUFFIX: Final = ".graph"
#: Raised whenever files are laid out otherwise.
_LAYOUT: Final = "2"


class GraphCache:
    """A folder of compiled graphs. Several processes may use it at once: each file is there whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder: Final = folder

    def compiled(self, made_of: str, make: Callable[[], Graph], options: Mapping[str, Any]) -> CompiledGraph:
        """Return a graph, compiled for the processor: from the folder, or by `make`, and then it is kept.

        `made_of` names the graph and its precision; `options` are OpenVINO's. Raises what `make` raises; a folder that
        cannot be written costs time alone.
        """
        path = self._folder / f"{_digest(made_of)}{_SUFFIX}"
        core = ov.Core()
        with suppress(FileNotFoundError):
            try:
                found = core.import_model(_read(path), "CPU", dict(options))
            except (RuntimeError, OSError, ValueError) as error:
                if isinstance(error, FileNotFoundError):
                    raise
                logger.warning("the compiled model %s cannot be read, making it anew: %s", path, _line(error))
            else:
                with suppress(OSError):
                    path.touch()  # used last
                return found
        found = core.compile_model(make(), "CPU", dict(options))
        self._keep(path, found)
        return found

    def _keep(self, path: Path, compiled: CompiledGraph) -> None:
        try:
            make_folder(self._folder)
            exported = compiled.export_model()
            graph = exported.getbuffer() if isinstance(exported, io.BytesIO) else exported
            with atomic_file(path) as file:
                file.write(_checksum(graph))
                file.write(graph)
            self._make_room(path)
        except (OSError, RuntimeError) as error:
            logger.warning("the compiled model cannot be kept, so the next start compiles it again: %s", _line(error))

    def _make_room(self, latest: Path) -> None:
        """Delete what was not used for longest, until the rest fits; never the latest."""
        facts = [(path.stat(), path) for path in self._folder.glob(f"*{_SUFFIX}") if path != latest]
        facts.sort(key=lambda fact: fact[0].st_mtime, reverse=True)
        room, files = MAX_BYTES - latest.stat().st_size, 1
        for stat, path in facts:
            room, files = room - stat.st_size, files + 1
            if room < 0 or files > MAX_FILES:
                path.unlink(missing_ok=True)  # another process may have


def _read(path: Path) -> bytes:
    """Return the graph out of a file, which begins with its checksum.

    OpenVINO checks little but its beginning: of a damaged one it raises errors of any kind, or runs it. So ValueError
    is raised here.
    """
    with path.open("rb") as file:
        checksum, graph = file.read(len(_checksum(b""))), file.read()
    if checksum != _checksum(graph):
        raise ValueError("it is damaged")
    return graph


def _checksum(graph: bytes | memoryview) -> bytes:
    return zlib.crc32(graph).to_bytes(4, "big")


def _digest(made_of: str) -> str:
    """Return a name for what a compiled graph depends on."""
    parts = (_LAYOUT, made_of, ov.__version__, processor(), *sorted(instructions()))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24]


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[-1]
