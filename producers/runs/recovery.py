"""Finds the chunks of a run that are lost: pending in the ledger, with nobody left who would finish them.

A state machine that knows neither ledger nor broker: their state is passed in.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """What ledger and broker say of a run's chunks, by number."""

    #: The chunks that are pending, each with the worker that began it last, if one has.
    pending: Mapping[int, str | None]
    #: Those that wait in the queue.
    queued: AbstractSet[int]
    #: Those that a worker took and has not acknowledged, each with the tags of its messages.
    taken: Mapping[int, Sequence[str]]
    #: The workers that sent a heartbeat lately.
    alive: AbstractSet[str]

    @property
    def suspects(self) -> set[int]:
        """Chunks that look lost: on their way from ledger to queue, or from worker to ledger, one may for a moment."""
        return {number for number, worker in self.pending.items() if not self._cared_for(number, worker)}

    def _cared_for(self, number: int, worker: str | None) -> bool:
        if number in self.queued:
            return True
        # One that is taken and not begun may be in the hands of a worker that died before it could say so.
        return number in self.taken and worker in self.alive


@dataclass
class Recovery:
    """Compares one look with the one before."""

    _suspects: set[int] = field(default_factory=set)

    def lost(self, look: Snapshot) -> set[int]:
        """Return the chunks that were suspects at two looks in a row, and forget them: they are sent again."""
        suspects = look.suspects
        lost = suspects & self._suspects
        self._suspects = suspects - lost
        return lost
