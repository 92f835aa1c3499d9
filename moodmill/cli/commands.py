"""All commands, and how one is run: what goes wrong is one line; a traceback is shown only under --debug."""

import io
import os
import sys
import traceback
from importlib import import_module
from importlib.metadata import version
from typing import Final

import click

from moodmill.cli.failure import explained
from moodmill.cli.visible import visible
from moodmill.db.core.errors import SettingError

#: The module of each command, in the order of the help.
COMMANDS: Final = {
    "label": "moodmill.cli.label",
    "enqueue": "moodmill.cli.label",
    "worker": "moodmill.cli.worker",
    "schedule": "moodmill.cli.schedule",
    "status": "moodmill.cli.status",
    "top": "moodmill.cli.top",
    "resume": "moodmill.cli.label",
    "dead": "moodmill.cli.dead",
    "export": "moodmill.cli.export",
    "report": "moodmill.cli.report",
    "classify": "moodmill.cli.classify",
    "train": "moodmill.cli.train",
    "soft-labels": "moodmill.cli.soft_labels",
    "evaluate": "moodmill.cli.evaluate",
    "bench": "moodmill.cli.bench",
    "db": "moodmill.cli.store",
    "settings": "moodmill.cli.settings",
    "doctor": "moodmill.cli.doctor",
    "demo": "moodmill.cli.demo",
}
#: Exit status as shells number it, of a program whose output nobody reads any more.
BROKEN_PIPE_STATUS: Final = 141


class LazyGroup(click.Group):
    """Imports a command when it is asked for: a health check need not know what trains models."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = COMMANDS.get(cmd_name)
        return None if module is None else getattr(import_module(module), cmd_name.replace("-", "_"))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(version("moodmill"), prog_name="moodmill")
@click.option("--debug", is_flag=True, help="Show the traceback of an error. May stand anywhere in the command.")
def moodmill(debug: bool) -> None:
    """Label comment dumps with emotions: all 27 GoEmotions probabilities of every comment, in a SQL store.

    \b
    On one machine:   moodmill label RC_2024-03.zst
    On a fleet:       set REDIS_URL and DATABASE_URL; `moodmill worker` on each GPU, `moodmill label` where the dump is

    Settings come from the environment and a .env file: DATABASE_URL, REDIS_URL, HF_MODEL_REPO, HF_MODEL_REVISION and
    the MOODMILL_… ones that the README lists. Options override them.
    """


def run(arguments: list[str]) -> int:
    """Run a command; return its exit status once all that it printed is written, or what went wrong is told."""
    debug = "--debug" in arguments
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="replace")  # a terminal that knows ASCII only is no reason to fail
    try:
        status = _status([argument for argument in arguments if argument != "--debug"])
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
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told
        message, status = explained(error)
        if debug:
            traceback.print_exc()
        if _forget_output():
            message = f"standard output: {message}"
        _tell(visible(" ".join(message.split())))
    return status


def _status(arguments: list[str]) -> int:
    """Return the exit status of a command, which may end by leaving the process."""
    try:
        found = moodmill(arguments, standalone_mode=False)
    except SystemExit as stopped:
        return stopped.code if isinstance(stopped.code, int) else int(stopped.code is not None)
    return found if isinstance(found, int) else 0


def _tell(message: str) -> None:
    """Say why the command ends: as JSON where a service's log is JSON."""
    from moodmill.db.core.settings import read_settings
    from moodmill.worker.core.settings import WorkerSettings
    from moodmill.worker.telemetry.logs import last_word

    try:
        style = read_settings(WorkerSettings).moodmill_log
    except SettingError:  # which may be what ends it
        style = "text"
    last_word(message, style)


def _forget_output() -> bool:
    """Let what standard output does not take go, or Python tries again at its end; tell whether there was any."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False
