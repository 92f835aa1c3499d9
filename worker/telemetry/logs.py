"""How processes log: as text, or as JSON, an object a line, for whoever collects it. Never the text of a comment."""

import json
import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, Literal, TextIO

#: "auto" is text on a terminal, and JSON elsewhere.
Style = Literal["text", "json", "auto"]

#: What this thread works on: run, chunk, job.
_subject: Final[ContextVar[Mapping[str, object]]] = ContextVar("subject", default=MappingProxyType({}))


class JsonFormatter(logging.Formatter):
    """Makes a line of JSON of a record, with what its thread works on."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "process": record.process,
            **_subject.get(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def set_subject(**fields: object) -> None:
    """Let whatever this thread logs from now on say what it is about, and that alone."""
    _subject.set(fields)


@contextmanager
def about(**fields: object) -> Iterator[None]:
    """Let whatever this thread logs in the block say what it is about, too."""
    before = _subject.set({**_subject.get(), **fields})
    try:
        yield
    finally:
        _subject.reset(before)


@contextmanager
def logging_as(style: Style) -> Iterator[None]:
    """Log as the style says, to standard error, as long as the context lasts. Text is left to Python: bare warnings."""
    handler = _begin(style)
    try:
        yield
    finally:
        if handler is not None:
            logging.captureWarnings(False)
            logging.getLogger().removeHandler(handler)


def is_json(style: Style, stream: TextIO) -> bool:
    """Tell whether what goes to this stream is JSON."""
    return style == "json" or (style == "auto" and not stream.isatty())


def json_line(message: str, level: int = logging.INFO) -> str:
    """Return what a process says besides its log, as a line of that log."""
    said = {"name": "moodmill", "levelno": level, "levelname": logging.getLevelName(level), "msg": message}
    return JsonFormatter().format(logging.makeLogRecord(said))


def last_word(reason: str, style: Style) -> None:
    """Say on standard error why this process ends, as `error: …` or as JSON; `last_word_in` finds it there."""
    line = json_line(reason, logging.ERROR) if is_json(style, sys.stderr) else f"error: {reason}"
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - not left to a log that may be set up no more


def last_word_in(said: str) -> str | None:
    """Return why a process ended, by what it said on standard error; None where it did not tell."""
    for line in reversed(said.splitlines()):
        if line.startswith("error: "):
            return line.strip().removeprefix("error: ")
        if line.startswith("{") and '"logger": "moodmill"' in line:
            return str(json.loads(line)["message"])
    return None


def teach_celery(style: Style) -> None:
    """Have Celery's workers and beat log as the style says, from their first line on."""
    from celery.signals import after_setup_logger, after_setup_task_logger, celeryd_init  # takes a while

    def begin(instance: Any, **_: Any) -> None:
        instance.quiet = _begin(style) is not None  # the banner is a picture, and no JSON
        if instance.quiet:
            from celery.apps import worker

            worker.safe_say = _say

    def teach(logger: logging.Logger, **_: Any) -> None:
        for handler in logger.handlers:
            if isinstance(handler, logging.StreamHandler) and is_json(style, handler.stream):
                handler.setFormatter(JsonFormatter())

    celeryd_init.connect(begin, weak=False)  # long before Celery sets up logs, which takes our handler away
    after_setup_logger.connect(teach, weak=False)
    after_setup_task_logger.connect(teach, weak=False)


def _begin(style: Style) -> logging.Handler | None:
    if not is_json(style, sys.stderr):
        return None
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.getLogger().addHandler(handler)
    logging.captureWarnings(True)
    return handler


def _say(message: str, *_: object) -> None:
    """Say what Celery's signal handlers say. Whoever is interrupted may hold the locks of logging and of streams."""
    stream = sys.__stderr__
    if stream is not None:
        os.write(stream.fileno(), f"{json_line(message)}\n".encode())
