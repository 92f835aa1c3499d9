"""Options that several commands share."""

import os
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import click

from moodmill.db.core.errors import MoodmillError
from moodmill.db.core.urls import store_url

Command = Callable[..., Any]


def _overriding(name: str) -> Callable[[click.Context, click.Parameter, object], None]:
    """A parameter's callback that overrides a setting: here, and in the worker that this process may start."""

    def override(_context: click.Context, _parameter: click.Parameter, value: object) -> None:
        if value is not None:
            os.environ[name] = str(value)

    return override


def setting(name: str, option: str, help_: str) -> Callable[[Command], Command]:
    return click.option(option, callback=_overriding(name), expose_value=False, help=f"{help_}  [overrides {name}]")


def stacked(*decorators: Callable[[Command], Command]) -> Callable[[Command], Command]:
    def decorate(command: Command) -> Command:
        for decorator in reversed(decorators):
            command = decorator(command)
        return command

    return decorate


def _override_store(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    _overriding("DATABASE_URL")(context, parameter, None if value is None else store_url(value))


store_options = click.option(
    "--store",
    callback=_override_store,
    expose_value=False,
    metavar="FILE|URL",
    help="An SQLite file, or postgresql://USER:PASSWORD@HOST/NAME.  [overrides DATABASE_URL]",
)
broker_options = setting("REDIS_URL", "--broker", "A server, redis://HOST:PORT/DB, or `embedded`.")
#: For a command whose argument is a model.
model_setting = _overriding("HF_MODEL_REPO")
revision_options = stacked(
    setting("HF_MODEL_REVISION", "--revision", "Commit, tag or branch of the Hub repository."),
    setting("MOODMILL_LABELS", "--labels", "Order of the outputs of a model that does not name them: `goemotions`, …"),
)
model_options = stacked(
    setting("HF_MODEL_REPO", "--model", "A Hub repository, a local folder, or `bundled`."),
    revision_options,
)
device_option = stacked(
    setting("MOODMILL_DEVICE", "--device", "auto, cpu, cuda, cuda:1, …"),
    setting("MOODMILL_ENGINE", "--engine", "auto, openvino or torch."),
    setting("MOODMILL_PRECISION", "--precision", "auto, fp32, bf16 or int8."),
)
device_options = stacked(
    device_option,
    setting("MOODMILL_BATCH_TOKENS", "--batch-tokens", "Tokens of a micro-batch, padding included."),
    setting("MOODMILL_THREADS", "--threads", "Chunks in work at once."),
)
jobs_option = setting("MOODMILL_JOBS", "--jobs", "The TOML file of the jobs; jobs.toml by default.")
with_worker_option = click.option(
    "--with-worker", is_flag=True, help="Start a worker for this run, even if a broker is named."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")


def _moment(_context: click.Context, _parameter: click.Parameter, value: str | None) -> datetime | None:
    from moodmill.db.core.filters import moment_asked

    if value is None:
        return None
    try:
        return moment_asked(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


subreddit_option = click.option(
    "--subreddit", "subreddits", multiple=True, metavar="NAME", help="Only these; may be repeated."
)
time_options = stacked(
    click.option("--since", callback=_moment, metavar="DATE", help="Only comments of this moment (UTC) or later."),
    click.option("--until", callback=_moment, metavar="DATE", help="Only comments before this moment (UTC)."),
)


def _day(context: click.Context, parameter: click.Parameter, value: str | None) -> date | None:
    from moodmill.db.core.days import day_of

    moment = _moment(context, parameter, value)
    try:
        return moment and day_of(moment)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


day_options = stacked(
    click.option("--since", callback=_day, metavar="DATE", help="Only comments of this day (UTC) or later."),
    click.option("--until", callback=_day, metavar="DATE", help="Only comments before this day (UTC)."),
)
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


def confirm(question: str) -> None:
    """Ask somebody, on standard error. Raises MoodmillError unless the answer is yes."""
    try:
        agreed = click.confirm(question, err=True)
    except click.Abort as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise
        click.echo(err=True)
        agreed = False  # nobody is there
    if not agreed:
        raise MoodmillError("not confirmed, nothing was done: --yes does not ask")
