"""How processes log."""

import json
import logging
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from pydantic import ValidationError
from rich.console import Console
from sqlalchemy import insert

from moodmill.db.database.schema import comment_emotion
from moodmill.db.database.store import Store
from moodmill.db.ledger.jobs import JobLedger
from moodmill.progress import IDLE_S, shown_progress
from moodmill.worker.core.settings import WorkerSettings
from moodmill.worker.telemetry.logs import JsonFormatter, Style, about, last_word, last_word_in, logging_as, set_subject
from tests.producers.runs.builders import progress
from tests.support import moodmill_here

logger = logging.getLogger("tests.logs")


def logged(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_line_says_when_where_and_what(capsys: pytest.CaptureFixture[str]) -> None:
    with logging_as("json"):
        logger.warning("%d chunks of\nrun", 7)
    [line] = logged(capsys)
    assert datetime.now(UTC) >= datetime.fromisoformat(line.pop("ts"))
    assert line.pop("process") > 0
    assert line == {"level": "WARNING", "logger": "tests.logs", "message": "7 chunks of\nrun"}


def test_a_run_in_which_nothing_moves_says_so_once_in_its_log(capsys: pytest.CaptureFixture[str]) -> None:
    standing = progress(classified=0, pending_chunks=2, idle_s=IDLE_S + 1)
    with logging_as("json"), shown_progress(Console(file=StringIO()), own_worker=False) as show:
        show(standing)
        show(standing)
    [line] = logged(capsys)
    assert "2 wait. Does a worker run" in line["message"]


def test_half_a_character_does_not_break_a_line() -> None:
    record = logging.makeLogRecord({"msg": "a\ud83d b", "levelname": "WARNING"})
    line = JsonFormatter().format(record)
    assert line.encode().isascii()
    assert json.loads(line)["message"] == "a\ud83d b"


def test_a_line_says_what_its_thread_works_on(capsys: pytest.CaptureFixture[str]) -> None:
    with logging_as("json"):
        with about(job="nightly"), about(run="r"):
            logger.warning("both")
            other = Thread(target=logger.warning, args=["neither"])
            other.start()
            other.join()
        set_subject(run="r", chunk=3)
        set_subject(chunk=4)
        logger.warning("the last one")
        set_subject()
    assert [{**line, "ts": "", "process": 0} for line in logged(capsys)] == [
        {"ts": "", "level": "WARNING", "logger": "tests.logs", "process": 0, "message": message, **subject}
        for message, subject in (
            ("both", {"job": "nightly", "run": "r"}),
            ("neither", {}),
            ("the last one", {"chunk": 4}),
        )
    ]


def test_an_exception_is_one_field_and_tells_no_parameter_of_a_statement(
    sqlite_store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {"comment_id": "c", "model": "m", "text": "a confidential text"}
    with logging_as("json"):
        try:
            with sqlite_store.writing() as connection:
                connection.execute(insert(comment_emotion).values(row))
        except Exception:
            logger.exception("it failed")
    said = capsys.readouterr().err
    [line] = map(json.loads, said.splitlines())
    assert "IntegrityError" in line["exception"]
    assert "confidential" not in said


@pytest.mark.parametrize("style", ["text", "auto", "json"])
def test_elsewhere_than_on_a_terminal_auto_is_json(style: Style, capsys: pytest.CaptureFixture[str]) -> None:
    with logging_as(style):
        handlers = [type(one.formatter).__name__ for one in logging.getLogger().handlers]
    assert ("JsonFormatter" in handlers) == (style != "text")


def test_a_command_warns_in_json_what_it_works_on(sqlite_store: Store, tmp_path: Path) -> None:
    # given a job that runs already
    (tmp_path / "jobs.toml").write_text('[nightly]\ncron = "15 3 * * *"\nfiles = ["dumps"]\n')
    JobLedger(sqlite_store).begin("nightly")
    settings = {"DATABASE_URL": sqlite_store.url.render_as_string(), "MOODMILL_LOG": "json"}
    done = moodmill_here("schedule", "run", "nightly", cwd=tmp_path, settings=settings)
    line = json.loads(done.stderr)
    assert (line["level"], line["job"], line["message"]) == ("WARNING", "nightly", "job nightly: it runs already")


@pytest.mark.parametrize("style", ["text", "json"])
def test_the_last_word_of_a_process_is_found_in_what_it_said(style: Style, capsys: pytest.CaptureFixture[str]) -> None:
    with logging_as(style):
        logger.warning("before")
        last_word("no store: make one", style)
    said = capsys.readouterr().err
    assert last_word_in(f"{said}and something\n") == "no store: make one"
    assert last_word_in("nothing of it\n{no json") is None


def test_another_style_is_refused() -> None:
    with pytest.raises(ValidationError, match="'text', 'json' or 'auto'"):
        WorkerSettings.model_validate({"moodmill_log": "xml"})
