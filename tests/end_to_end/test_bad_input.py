"""Bad input: each case a clear one-line message, nothing lost, and the good records around it labelled."""

import json
from pathlib import Path

import pytest
from backports import zstd

from tests.end_to_end.conftest import Fleet
from tests.support import moodmill, write_dump

GOOD = json.dumps({"id": "good", "body": "I love this so much", "created_utc": "1134365188"})


def lines(path: Path, *written: str | bytes) -> Path:
    path.write_bytes(b"".join((one.encode() if isinstance(one, str) else one) + b"\n" for one in written))
    return path


def is_one_line_error(said: str) -> bool:
    """Whether the last thing said is one line that begins with `error:`, and no traceback came before it."""
    last = said.strip().splitlines()[-1] if said.strip() else ""
    return last.startswith("error: ") and "Traceback" not in said


def test_an_empty_file_is_refused_before_anything_is_written(fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "RC_empty").touch()
    before = fleet.query("select count(*) from run") if fleet.file.exists() else [(0,)]
    labelled = fleet.label("RC_empty", cwd=tmp_path)
    assert labelled.status == 1
    assert "RC_empty is empty" in labelled.said
    assert is_one_line_error(labelled.said)
    assert fleet.query("select count(*) from run") == before


def test_a_zst_file_that_is_text_is_refused(fleet: Fleet, tmp_path: Path) -> None:
    labelled = fleet.label(lines(tmp_path / "RC_text.zst", "this is no dump"), cwd=tmp_path)
    assert labelled.status == 1
    assert "RC_text.zst is not a zstd file" in labelled.said
    assert is_one_line_error(labelled.said)


def test_of_a_truncated_zst_the_part_before_the_cut_is_labelled(fleet: Fleet, tmp_path: Path) -> None:
    # given
    whole = write_dump(tmp_path / "whole", [f"number {n} of a long dump, {n * 7919 % 1000}" for n in range(20_000)])
    compressed = zstd.compress(whole.read_bytes())
    (tmp_path / "RC_cut.zst").write_bytes(compressed[: len(compressed) // 2])

    # when
    labelled = fleet.label("RC_cut.zst", "--min-length", "200", cwd=tmp_path)

    # then
    read, _, skipped, dead = labelled.counts
    assert labelled.status == 1
    assert "RC_cut.zst is truncated" in labelled.said
    assert 0 < read == skipped < 20_000
    assert dead == 0


def test_a_line_of_broken_json_becomes_a_dead_letter_with_its_position(fleet: Fleet, tmp_path: Path) -> None:
    labelled = fleet.label(lines(tmp_path / "RC_broken", GOOD, '{"id": "x", "body": ', GOOD), cwd=tmp_path)
    assert labelled.status == 1
    assert labelled.counts == (3, 2, 0, 1)
    assert labelled.dead[0][0] == 1
    assert "JSON" in labelled.dead[0][1]


def test_a_line_of_40_mb_becomes_a_dead_letter(fleet: Fleet, tmp_path: Path) -> None:
    huge = json.dumps({"id": "huge", "body": "a" * 40_000_000})
    labelled = fleet.label(lines(tmp_path / "RC_huge", GOOD, huge, GOOD), cwd=tmp_path)
    assert labelled.counts == (3, 2, 0, 1)
    assert "at most 16 MiB" in labelled.dead[0][1]


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("surrogate", rb'"half \ud83d of an emoji"'),
        ("nul", rb'"before\u0000after"'),
        ("utf8", b'"caf\xe9"'),
        ("long", b'"' + b"a word " * 5_714 + b'"'),
    ],
)
def test_an_odd_text_is_classified_like_any_other(fleet: Fleet, tmp_path: Path, name: str, body: bytes) -> None:
    odd = b'{"id": "odd-' + name.encode() + b'", "body": ' + body + b', "created_utc": 1134365188}'
    labelled = fleet.label(lines(tmp_path / f"RC_{name}", odd), "--keep-text", cwd=tmp_path)
    assert labelled.status == 0
    assert labelled.counts == (1, 1, 0, 0)
    ((tokens, truncated),) = fleet.query(
        "select tokens, truncated from comment_emotion where comment_id = ?", [f"odd-{name}"]
    )
    # 8,192 tokens are read of a text, two special ones among them, in segments with two each
    assert (tokens, truncated) == (8_190 + 2 * 17, 1) if name == "long" else truncated == 0


def test_a_record_without_a_field_that_is_needed_becomes_a_dead_letter(fleet: Fleet, tmp_path: Path) -> None:
    labelled = fleet.label(lines(tmp_path / "RC_field", GOOD, '{"id": "x"}', '{"body": "y"}'), cwd=tmp_path)
    assert labelled.counts == (3, 1, 0, 2)
    assert "'body'" in labelled.dead[0][1]
    assert "'id'" in labelled.dead[1][1]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"DATABASE_URL": "nonsense"}, "DATABASE_URL is no database URL"),
        ({"DATABASE_URL": "postgresql://u:secret@127.0.0.1:1/x"}, "cannot use the store"),
        ({"DATABASE_URL": "sqlite:////no/such/folder/x.db"}, "cannot use the store"),
        ({"REDIS_URL": "redis://:secret@127.0.0.1:1/0"}, "cannot use the broker redis://:***@127.0.0.1:1/0"),
        ({"REDIS_URL": "http://:secret@127.0.0.1"}, "REDIS_URL is not usable: expected redis://"),
        ({"HF_MODEL_REPO": "./nowhere"}, "does not exist"),
        ({"MOODMILL_THREADS": "many"}, "MOODMILL_THREADS is 'many'"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_a_setting_that_does_not_work_is_named(tmp_path: Path, settings: dict[str, str], said: str) -> None:
    done = moodmill("label", lines(tmp_path / "RC_good", GOOD), cwd=tmp_path, settings=settings)
    assert done.returncode != 0
    assert said in done.stderr
    assert is_one_line_error(done.stderr)
    assert "secret" not in done.stderr


def test_an_error_shows_its_traceback_only_under_debug(tmp_path: Path) -> None:
    done = moodmill("label", "nowhere.zst", "--debug", cwd=tmp_path)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith("error: ")
