"""How much a command says besides its output: nothing but errors, what is to be known, or all that it does."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

#: The loggers of this project.
_LOGGER: Final = "moodmill"


@contextmanager
def voiced(*, quiet: bool, verbose: bool) -> Iterator[None]:
    """Let commands be quiet or verbose as long as the context lasts."""
    if not quiet and not verbose:
        yield
        return
    from moodmill.cli.printing import REMARKS

    logger = logging.getLogger(_LOGGER)
    before = REMARKS.quiet, logger.level
    handler = logging.StreamHandler(sys.stderr)
    REMARKS.quiet = quiet
    logger.setLevel(logging.ERROR if quiet else logging.INFO)
    if verbose:
        logger.addHandler(handler)
        logger.propagate = False  # or what Python says of warnings comes twice
    try:
        yield
    finally:
        REMARKS.quiet, logger.level = before
        logger.removeHandler(handler)
        logger.propagate = True
