"""The faults, in the order of their table: what strikes in the middle of a run, and is over after a while."""

from tests.faults.catalogue import workers, producers, broker, messages, stores, clocks  # noqa: F401,I001 - the order
from tests.faults.catalogue.fault import CATALOGUE, Fault

__all__ = ["CATALOGUE", "Fault"]
