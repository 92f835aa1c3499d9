"""What a power cut may leave of a folder, at each step of what is written there.

In the manner of ALICE (Pillai et al., "All File Systems Are Not Created Equal", OSDI '14): a recorder looks at the
folder before each call that changes it, so that two looks differ by one step, and notes what fsync puts on the disk.
From that come the states in which a cut may leave the disk, on any file system that keeps POSIX's word:

- what was written to a file since its last fsync is there, or not, or in part, or as zeros;
- a name that was given, changed or taken since the last fsync of its folder is there, or not, each for itself, whatever
  else is on the disk. A rename is one step.
"""

import itertools
import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

#: Calls of Python that may change a folder, as its audit events name them.
_CALLS: Final = frozenset(
    {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate"}
)
#: Names that are not on the disk yet, up to which each may be there or not. Of more, all but two, or two at most.
_FEW_NAMES: Final = 6
#: Ways in which files that were not put on the disk may look, up to which each goes with each.
_FEW_MIXTURES: Final = 200
#: The folder that is recorded.
_ROOT: Final = 0

#: Content of each file, by its path below the folder; None of a folder.
State = Mapping[str, bytes | None]


@dataclass(frozen=True, kw_only=True)
class _Step:
    """Names of a folder that changed at once: what had them before, and what has them now."""

    folder: int
    #: (folder, name) of what has no such name any more.
    taken: tuple[tuple[int, str], ...]
    given: tuple[tuple[str, int], ...]


@dataclass(kw_only=True)
class _Disk:
    """What is on the disk for sure, and what may be."""

    #: The entries of each folder.
    names: dict[int, dict[str, int]] = field(default_factory=dict)
    #: Of each file.
    bytes_: dict[int, bytes] = field(default_factory=dict)
    #: What was written, of each file.
    written: dict[int, bytes] = field(default_factory=dict)
    steps: list[_Step] = field(default_factory=list)

    def copy(self) -> "_Disk":
        return _Disk(
            names={folder: dict(names) for folder, names in self.names.items()},
            bytes_=dict(self.bytes_),
            written=dict(self.written),
            steps=list(self.steps),
        )

    def sync(self, number: int) -> None:
        if number in self.written:
            self.bytes_[number] = self.written[number]
            return
        done = [step for step in self.steps if step.folder == number]
        self.steps = [step for step in self.steps if step.folder != number]
        for step in done:
            _take(self.names, step)

    def states(self) -> Iterator[State]:
        """Yield each state that a cut may leave, some more than once."""
        for kept in _choices(self.steps):
            names = {folder: dict(entries) for folder, entries in self.names.items()}
            for step in kept:
                _take(names, step)
            paths = dict(_paths(names, _ROOT, ""))
            files = {path: number for path, number in paths.items() if number in self.written}
            folders: dict[str, bytes | None] = dict.fromkeys(paths.keys() - files.keys())
            for contents in _mixed([self._contents(number) for number in files.values()]):
                yield folders | dict(zip(files, contents, strict=True))

    def _contents(self, number: int) -> Sequence[bytes]:
        before, after = self.bytes_.get(number, b""), self.written[number]
        if before == after:
            return [after]
        return list(dict.fromkeys([before, b"", after[: len(after) // 2], bytes(len(after)), after]))


def _take(names: dict[int, dict[str, int]], step: _Step) -> None:
    for folder, name in step.taken:
        names.get(folder, {}).pop(name, None)
    for name, number in step.given:
        names.setdefault(step.folder, {})[name] = number


def _paths(names: Mapping[int, Mapping[str, int]], folder: int, above: str) -> Iterator[tuple[str, int]]:
    for name, number in names.get(folder, {}).items():
        yield above + name, number
        yield from _paths(names, number, f"{above}{name}/")


def _choices(steps: Sequence[_Step]) -> Iterator[Sequence[_Step]]:
    """Yield which of the steps may be on the disk."""
    count = len(steps)
    sizes = range(count + 1) if count <= _FEW_NAMES else (0, 1, 2, count - 2, count - 1, count)
    for size in sizes:
        yield from itertools.combinations(steps, size)


def _mixed(contents: Sequence[Sequence[bytes]]) -> Iterator[Sequence[bytes]]:
    """Yield what files may hold at once; of many, all but one what was there before, or what is there after."""
    if math.prod(map(len, contents)) <= _FEW_MIXTURES:
        yield from itertools.product(*contents)
        return
    for others in (0, -1):
        for number, own in enumerate(contents):
            for content in own:
                yield [content if n == number else one[others] for n, one in enumerate(contents)]


class Recorder:
    """Records what becomes of a folder while `recording`."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._numbers = itertools.count(_ROOT)
        #: The number of each inode that is there, and where it is.
        self._known: dict[int, int] = {}
        self._seen: dict[tuple[int, str], int] = {}
        self._disk = _Disk()
        self._moments: list[tuple[str, _Disk]] = []
        #: What `mark` said last.
        self._phase = ""
        self._look()
        for number in (*self._disk.written, *self._disk.names):  # what is there is on the disk
            self._disk.sync(number)
        self._disk.steps.clear()

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record what this process does meanwhile."""
        _HOOK.install()
        real = os.fsync

        def fsync(descriptor: Any) -> None:
            self._moment()
            real(descriptor)
            inode = os.fstat(descriptor).st_ino
            if inode in self._known:
                self._disk.sync(self._known[inode])

        _HOOK.look = self._moment_of
        try:
            with patch.object(os, "fsync", fsync):
                yield
        finally:
            _HOOK.look = None
        self._moment()

    def mark(self, phase: str) -> None:
        """What comes from now on is of this phase."""
        self._moment()
        self._phase = phase

    def states(self, phase: str | None = None) -> list[State]:
        """Return each state in which a cut may have left the folder, once; of one phase, or of all."""
        found: dict[frozenset[tuple[str, bytes | None]], State] = {}
        for of, disk in self._moments:
            if phase in (None, of):
                found.update((frozenset(state.items()), state) for state in disk.states())
        return list(found.values())

    def _moment_of(self, path: str) -> None:
        if os.path.realpath(path).startswith(str(self._root)):
            self._moment()

    def _moment(self) -> None:
        self._look()
        self._moments.append((self._phase, self._disk.copy()))

    def _look(self) -> None:
        """Note what has changed since the last look."""
        seen: dict[tuple[int, str], int] = {}
        inodes: dict[int, int] = {}
        self._walk(self._root, seen, inodes)
        gone = {place: number for place, number in self._seen.items() if seen.get(place) != number}
        new = {place: number for place, number in seen.items() if self._seen.get(place) != number}
        moved = {number: place for place, number in gone.items()}
        for (folder, name), number in new.items():
            taken = (moved.pop(number),) if number in moved else ()
            self._disk.steps.append(_Step(folder=folder, taken=taken, given=((name, number),)))
        for place in moved.values():
            if place not in new:  # else another file has its name
                self._disk.steps.append(_Step(folder=place[0], taken=(place,), given=()))
        self._seen, self._known = seen, inodes

    def _walk(self, folder: Path, seen: dict[tuple[int, str], int], inodes: dict[int, int]) -> int:
        own = self._number(folder.stat().st_ino, inodes)
        self._disk.names.setdefault(own, {})
        for path in folder.iterdir():
            if path.is_dir():
                seen[own, path.name] = self._walk(path, seen, inodes)
            else:
                number = self._number(path.stat().st_ino, inodes)
                seen[own, path.name] = number
                content = path.read_bytes()
                if content != self._disk.written.get(number):  # else the moments share what they hold
                    self._disk.written[number] = content
        return own

    def _number(self, inode: int, inodes: dict[int, int]) -> int:
        inodes[inode] = self._known.get(inode, inodes.get(inode, -1))
        if inodes[inode] < 0:
            inodes[inode] = next(self._numbers)
        return inodes[inode]


class _Hook:
    """An audit hook cannot be taken away again, so there is one, which calls whoever records."""

    def __init__(self) -> None:
        self.look: Callable[[str], None] | None = None
        self._installed = False

    def install(self) -> None:
        if not self._installed:
            sys.addaudithook(self._hear)
            self._installed = True

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        look = self.look
        if look is None or event not in _CALLS or not isinstance(arguments[0], str | os.PathLike):
            return
        folder = arguments[-1] if event in ("os.remove", "os.rmdir") else -1  # as shutil.rmtree calls them
        path = os.fsdecode(arguments[0])
        if event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR):
            return
        self.look = None  # to look is to call, too
        try:
            look(path if folder < 0 else f"/proc/self/fd/{folder}/{path}")
        finally:
            self.look = look


_HOOK: Final = _Hook()


def left(state: State, folder: Path) -> Path:
    """Make a folder what a cut left."""
    folder.mkdir(parents=True)
    for path, content in sorted(state.items()):
        if content is None:
            (folder / path).mkdir(parents=True, exist_ok=True)
        else:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
    return folder
