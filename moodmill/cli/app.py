"""All commands, and how one is run: what goes wrong is one line; a traceback is shown only under --debug."""

import io
import logging
import os
import sys
import traceback
from importlib import import_module
from typing import TYPE_CHECKING, Final

import click

from moodmill.cli.failure import explained
from moodmill.cli.given import misspelt
from moodmill.cli.visible import visible
from moodmill.cli.voice import voiced
from moodmill.db.core.errors import SettingError

if TYPE_CHECKING:
    from moodmill.worker.telemetry.logs import Style

_HERE: Final = "moodmill.cli.commands"
#: Of each section of the help: its commands, each with its module and what it does.
SECTIONS: Final = {
    "Label": {
        "label": (f"{_HERE}.label", "Label dumps, tables or standard input."),
        "estimate": (f"{_HERE}.estimate", "Estimate how long a run will take here, and how much room."),
        "enqueue": (f"{_HERE}.label", "Only enqueue; workers do the rest."),
        "worker": (f"{_HERE}.worker", "Classify chunks from the broker."),
        "schedule": (f"{_HERE}.schedule", "Run scheduled jobs that label what is new."),
        "classify": (f"{_HERE}.classify", "Show the 27 probabilities of texts."),
        "demo": (f"{_HERE}.demo", "Label a bundled sample."),
    },
    "Runs": {
        "run": (f"{_HERE}.run", "List, show, watch, resume, cancel and delete runs."),
        "dead": (f"{_HERE}.dead", "List, show and replay dead letters."),
    },
    "Results": {
        "results": (f"{_HERE}.results", "Rank, compare and read what was found, with intervals."),
        "export": (f"{_HERE}.export", "Write results to Parquet, CSV or NDJSON."),
        "report": (f"{_HERE}.report", "Write one HTML page with the results."),
        "explore": (f"{_HERE}.explore", "Show results and model in a browser."),
        "models": (f"{_HERE}.models", "List the models that have labelled, and choose the one that views hold."),
    },
    "Operation": {
        "db": (f"{_HERE}.db", "Manage the store: schema, roll-ups, indexes, retention."),
        "lake": (f"{_HERE}.lake", "Manage result rows as Parquet files, in a folder or an object store."),
        "settings": (f"{_HERE}.settings", "Show all settings, and where each comes from."),
        "doctor": (f"{_HERE}.doctor", "Check store, broker, device and model, and say how to fix what fails."),
        "tune": (f"{_HERE}.tune", "Measure anew what is fastest on this processor."),
        "bench": (f"{_HERE}.bench", "Measure throughput on this machine, and that of other tools."),
    },
    "Models of your own": {
        "train": (f"{_HERE}.train", "Train a model of your own."),
        "evaluate": (f"{_HERE}.evaluate", "Evaluate a model on labelled comments."),
        "quantize": (f"{_HERE}.quantize", "Make a model's int8 form, which processors run twice as fast."),
        "soft-labels": (f"{_HERE}.soft_labels", "Write models' probabilities for texts, for `train` to learn from."),
    },
}
COMMANDS: Final = {name: module for section in SECTIONS.values() for name, (module, _) in section.items()}
#: Flags of all commands, wherever they stand.
_FLAGS: Final = frozenset({"-q", "--quiet", "-v", "--verbose", "--debug"})
#: Exit status as shells number it, of a program whose output nobody reads any more.
BROKEN_PIPE_STATUS: Final = 141


class LazyGroup(click.Group):
    """Imports a command when it is asked for: neither a health check nor the help need know what trains models."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - as click calls it
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        module = COMMANDS.get(cmd_name)
        return None if module is None else getattr(import_module(module), cmd_name.replace("-", "_"))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        for title, section in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, help_) for name, (_, help_) in section.items()])


_CONTEXT: Final = {"help_option_names": ["-h", "--help"], "max_content_width": 110, "show_default": True}


@click.group(cls=LazyGroup, context_settings=_CONTEXT)
@click.version_option(None, "--version", package_name="moodmill", prog_name="moodmill")
@click.option("-q", "--quiet", is_flag=True, help="Show errors only: no progress, no remarks.")
@click.option("-v", "--verbose", is_flag=True, help="Log more, on standard error.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def moodmill(quiet: bool, verbose: bool, debug: bool) -> None:
    """Label comment dumps with emotions: all 27 GoEmotions probabilities of every comment, in a SQL store.

    \b
    On one machine:   moodmill label RC_2024-03.zst
    On a fleet:       set REDIS_URL and DATABASE_URL; `moodmill worker` on each GPU, `moodmill label` where the dump is

    Settings come from the environment and a .env file: `moodmill settings` lists them. Options override them. The
    options below may stand anywhere in a command.
    """


def run(arguments: list[str]) -> int:
    """Run a command; return its exit status once its output or its error is written."""
    arguments, flags = _part_flags(arguments)
    debug = "--debug" in flags
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="replace")  # a terminal that knows ASCII only is no reason to fail
    try:
        with voiced(quiet=bool(flags & {"-q", "--quiet"}), verbose=bool(flags & {"-v", "--verbose"})):
            if not flags & {"-q", "--quiet"}:
                _warn(misspelt())
            status = _status(arguments)
        if sys.stdout is not None:  # as where a service manager closes it
            sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort as error:
        raise KeyboardInterrupt from error
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has gone, as `| head` does
        _forget_output()
        return BROKEN_PIPE_STATUS
    except Exception as error:  # noqa: BLE001 - reported, whatever it is
        message, status = explained(error)
        if debug:
            traceback.print_exc()
        if _forget_output():
            message = f"standard output: {message}"
        _tell(visible(" ".join(message.split())))
    return status


def _part_flags(arguments: list[str]) -> tuple[list[str], set[str]]:
    """Return the arguments without the flags of all commands, and which of these were there; behind -- is none."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    flags = {argument for argument in arguments[:end] if argument in _FLAGS}
    return [argument for argument in arguments[:end] if argument not in _FLAGS] + arguments[end:], flags


def _status(arguments: list[str]) -> int:
    """Return the exit status of a command, which may end by leaving the process."""
    try:
        found = moodmill(arguments, standalone_mode=False)
    except SystemExit as stopped:
        return stopped.code if isinstance(stopped.code, int) else int(stopped.code is not None)
    return found if isinstance(found, int) else 0


def _warn(lines: list[str]) -> None:
    """Say what is to be known before a command begins: as JSON where a service's log is JSON."""
    if lines:
        from moodmill.worker.telemetry.logs import is_json, json_line

        as_json = is_json(_log_style(), sys.stderr)
        for line in lines:
            click.echo(json_line(line, logging.WARNING) if as_json else f"warning: {line}", err=True)


def _tell(message: str) -> None:
    """Say why the command ends: as JSON where a service's log is JSON."""
    from moodmill.worker.telemetry.logs import last_word

    last_word(message, _log_style())


def _log_style() -> "Style":
    from moodmill.db.core.settings import read_settings
    from moodmill.worker.core.settings import WorkerSettings

    try:
        return read_settings(WorkerSettings).moodmill_log
    except SettingError:  # which may be what ends the command
        return "text"


def _forget_output() -> bool:
    """Let what standard output does not take go, or Python tries again at its end; tell whether there was any."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False
