"""Dumps that are labelled again: what the store knows already does not go through the model a second time."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from moodmill.worker.queue.broker import Broker
from moodmill.worker.runtime.supervisor import local_worker
from tests.end_to_end.test_observation import scrape
from tests.support import clean_environment, free_port, moodmill, moodmill_here, wait_until, write_dump

TEXTS = [f"i love this {number}" for number in range(30)]
#: Of all comments, as that of a comment does not change with its text.
SECOND = 1_709_300_000


def test_a_dump_is_labelled_again_without_the_model_and_its_texts_are_filled_in(
    database_url: str, own_redis_url: str, tiny_model: Path, tmp_path: Path
) -> None:
    port = free_port()
    settings = {"DATABASE_URL": database_url, "REDIS_URL": own_redis_url, "HF_MODEL_REPO": str(tiny_model)}
    dump = write_dump(tmp_path / "RC_a", TEXTS, created_utc=SECOND)
    edited = write_dump(tmp_path / "RC_b", ["edited", *TEXTS[1:], "new"], created_utc=SECOND)

    def label(*arguments: str | Path) -> dict[str, Any]:
        done = moodmill_here("label", "--json", "--chunk-comments", "8", *arguments, cwd=tmp_path, settings=settings)
        assert done.returncode == 0, done.stderr
        summary: dict[str, Any] = json.loads(done.stdout)
        return summary

    def asked(comments: int) -> tuple[float, ...]:
        """What the model was asked: comments, tokens and micro-batches, once so many comments are done with."""
        names = ("comments_total", "tokens_total", "microbatch_fill_ratio_count", "known_comments_total")

        def seen() -> tuple[float, ...]:
            found = scrape(port)
            return tuple(found.get(f"moodmill_{name}", 0.0) for name in names)

        wait_until(lambda: seen()[0] + seen()[3] == comments)  # counted just after the chunk is done
        return seen()

    with local_worker(clean_environment(**settings, MOODMILL_METRICS=str(port)), Broker(own_redis_url)):
        # given a dump whose texts were not kept
        first = label(dump)
        before = asked(30)
        # when it is labelled again, and its texts are to be kept
        again = label(dump, "--keep-text")
        after = asked(60)
        # and when one of its comments was edited, and one is new
        later = label(edited, "--keep-text")
        last = asked(91)

    assert (first["classified"], first["new_rows"]) == (30, 30)
    assert (again["classified"], again["new_rows"], again["adds_up"]) == (30, 0, True)
    assert (after[:3], after[3]) == (before[:3], 30)
    assert (later["classified"], later["new_rows"], later["skipped"]) == (30, 1, {"another text": 1})
    assert last[3] == 59
    engine = create_engine(database_url)
    with engine.connect() as connection:
        kept = {row[0]: row[1] for row in connection.execute(text("select comment_id, text from comment_emotion"))}
    engine.dispose()
    assert kept == {**{f"c{n}": said for n, said in enumerate(TEXTS)}, "c30": "new"}


@pytest.mark.parametrize("keep_text", [True, False])
def test_a_table_is_labelled_again_by_a_worker_of_its_own(tiny_model: Path, tmp_path: Path, keep_text: bool) -> None:
    """Given ids that begin anew, so that some texts are kept under another id."""
    table = tmp_path / "posts.csv"
    table.write_text("id,text\n1,i love this\n2,thanks so much\n1,i hate this\n1,i love this\n")
    settings = {"HF_MODEL_REPO": str(tiny_model), "MOODMILL_PRECISION": "fp32", "MOODMILL_BATCH_TOKENS": "2048"}
    options = ["--keep-text"] if keep_text else []
    summaries = []
    for arguments in ([], options):
        done = moodmill("label", table, "--json", *arguments, cwd=tmp_path, settings=settings)
        assert done.returncode == 0, done.stderr
        summaries.append(json.loads(done.stdout))
    first, again = summaries
    assert (first["classified"], first["new_rows"], again["classified"], again["new_rows"]) == (4, 3, 4, 0)
    assert first["notes"] == again["notes"]
    with closing(sqlite3.connect(tmp_path / "moodmill.db")) as connection:
        texts = sorted(row[0] or "" for row in connection.execute("select text from comment_emotion"))
    assert texts == (["i hate this", "i love this", "thanks so much"] if keep_text else [""] * 3)


def test_a_precision_that_is_asked_for_is_that_of_all_rows(tiny_model: Path, tmp_path: Path) -> None:
    dump = write_dump(tmp_path / "RC_a", TEXTS, created_utc=SECOND)
    settings = {"HF_MODEL_REPO": str(tiny_model), "MOODMILL_BATCH_TOKENS": "2048"}
    made: list[tuple[Any, ...]] = []
    for precision in ("fp32", "bf16"):
        done = moodmill("label", dump, "--json", "--precision", precision, cwd=tmp_path, settings=settings)
        assert done.returncode == 0, done.stderr
        summary = json.loads(done.stdout)
        with closing(sqlite3.connect(tmp_path / "moodmill.db")) as connection:
            engines = connection.execute("select distinct engine from comment_emotion").fetchall()
        made.append((summary["classified"], summary["new_rows"], summary["engine"], engines))
    fp32, bf16 = "openvino fp32", "openvino bf16"
    assert made == [(30, 30, fp32, [(fp32,)]), (30, 0, bf16, [(bf16,)])]
