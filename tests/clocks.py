"""Clocks of processes that a test sets while they run, by libfaketime; their monotonic clock goes on."""

import subprocess
from pathlib import Path

from tests.support import program

#: What processes of faults load, which mends how they sleep.
INJECT = Path(__file__).parent / "faults" / "inject"


def clock_of(file: Path | str) -> dict[str, str]:
    """Return the settings of a process whose clock is as far off as `set_clock` says; relative to where it runs."""
    # The program knows where its library lies, and how that is loaded.
    found = subprocess.run(
        [program("faketime"), "-m", "-f", "+0", "printenv", "LD_PRELOAD"], capture_output=True, check=True
    )
    return {
        "LD_PRELOAD": found.stdout.decode().strip(),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_NO_CACHE": "1",
        "PYTHONPATH": str(INJECT),
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


def set_clock(file: Path, seconds: float) -> None:
    """Set the clock of processes to so many seconds from now."""
    beside = file.with_suffix(".new")
    beside.write_text(f"{seconds:+.0f}\n")
    beside.replace(file)
