"""How a process of Celery's is started: by whoever has no need of Celery himself."""

import sys
from collections.abc import Sequence


def celery_command(module: str, arguments: Sequence[str]) -> list[str]:
    """Return the command of a process that does what `celery -A MODULE ARGUMENTS` does."""
    return [sys.executable, "-P", "-m", "moodmill.worker", module, *arguments]
