"""The settings that somebody gave: in the environment and in `.env`, by their names; and those that are misspelt."""

import logging
import os
from difflib import get_close_matches
from typing import Final

#: Names of ours that are no settings of people: between one process and another.
_INTERNAL: Final = frozenset({"MOODMILL_EXIT_WITH_PARENT", "MOODMILL_SETTINGS_COMPLETE", "MOODMILL_BENCH_MICROSECONDS"})
_PREFIX: Final = "MOODMILL_"
_FILE: Final = ".env"
#: How alike a name in `.env` must be to a setting's to be meant as it, from 0 to 1.
_ALIKE: Final = 0.85


def given_settings() -> dict[str, tuple[str, str]]:
    """Return what is given, by name, each with where: "environment", which is stronger, or ".env"."""
    of_file = {name: (value, _FILE) for name, value in _in_file().items() if value}
    return of_file | {name.upper(): (value, "environment") for name, value in os.environ.items() if value}


def shown_value(value: str | None) -> str | None:
    """Return a value as people may see it: URLs without their passwords."""
    from moodmill.db.core.urls import masked

    return masked(value) if value and "://" in value else value


def misspelt() -> list[str]:
    """Return a line for each name that is taken for a setting and is none, and for each line of `.env` that is none."""
    ours = {name.upper() for name in os.environ if name.upper().startswith(_PREFIX)}
    of_file = set(_in_file())
    lines = [f"line {number} of {_FILE} does nothing: expected NAME=value" for number in _broken_lines()]
    if not ours - _INTERNAL and not of_file:
        return lines
    from moodmill.cli.known_settings import setting_names  # which imports what reads settings

    known = setting_names()
    unknown = sorted((ours | of_file) - {*known, *_INTERNAL})
    for name in unknown:
        near = get_close_matches(name, known, n=1, cutoff=_ALIKE)
        if near or name.startswith(_PREFIX):
            meant = f": {near[0]} is meant, perhaps" if near else ": `moodmill settings` lists them all"
            lines.append(f"{name} is no setting, and does nothing{meant}")
    return lines


def _broken_lines() -> list[int]:
    """Return the numbers of the lines of `.env` that are no settings."""
    if not os.path.exists(_FILE):  # noqa: PTH110 - as below
        return []
    from dotenv.parser import parse_stream

    with open(_FILE, encoding="utf-8") as stream:  # noqa: PTH123 - as below
        return [binding.original.line for binding in parse_stream(stream) if binding.error]


def _in_file() -> dict[str, str | None]:
    if not os.path.exists(_FILE):  # noqa: PTH110 - no pathlib for what each command does
        return {}
    from dotenv import dotenv_values

    # It warns of broken lines each time that it reads the file, and does not name it.
    logging.getLogger("dotenv.main").setLevel(logging.ERROR)
    return {name.upper(): value for name, value in dotenv_values(_FILE).items()}
