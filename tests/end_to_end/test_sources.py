"""What people bring, as they bring it: each file for itself, what was found is said, and nothing goes in silence."""

import gzip
import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.conftest import Fleet
from tests.support import moodmill, moodmill_here, write_dump


def label(fleet: Fleet, *arguments: str | Path, cwd: Path) -> tuple[int, str, str]:
    """Run `moodmill label` for people: its exit status, what it prints, and what it says on standard error."""
    done = moodmill_here("label", *arguments, cwd=cwd, settings=fleet.settings)
    return done.returncode, done.stdout, done.stderr


def summary(fleet: Fleet, *arguments: str | Path, cwd: Path) -> dict[str, Any]:
    done = moodmill_here("label", "--json", *arguments, cwd=cwd, settings=fleet.settings)
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["adds_up"]
    return found | {"status": done.returncode, "said": done.stderr}


def texts(fleet: Fleet, source: str) -> dict[str, str]:
    return dict(fleet.query("select comment_id, text from comment_emotion where source = ?", [source]))


def test_of_a_folder_each_file_stands_for_itself(fleet: Fleet, tmp_path: Path) -> None:
    # given good files among files that cannot be read and files that are none
    folder = tmp_path / "mixed"
    folder.mkdir()
    (folder / "a.csv").write_text("id,text,author\nmixed1,I love this,bob\n")
    (folder / "empty.csv").touch()
    (folder / "broken.parquet").write_bytes(b"PAR1")
    (folder / "README.md").write_text("hello")
    (folder / "infos.json").write_text('{"default": {"features": {"text": {"dtype": "string"}}}}')
    (folder / os.fsdecode(b"caf\xe9.csv")).write_text("id,text\nmixed2,I hate this\n")
    with zipfile.ZipFile(folder / "z.csv.zip", "w") as archive:
        archive.writestr("inner.csv", "id,text\nmixed3,so much\n")

    # when
    found = summary(fleet, "mixed", "--keep-text", cwd=tmp_path)

    # then
    assert (found["status"], found["classified"]) == (1, 3)
    assert sorted(found["source_errors"]) == ["broken.parquet", "empty.csv"]
    assert "empty.csv is empty" in found["said"]
    assert sorted(name for names in found["passed_over"].values() for name in names) == ["README.md", "infos.json"]
    assert texts(fleet, "caf\ufffd.csv") == {"mixed2": "I hate this"}
    assert texts(fleet, "z.csv.zip/inner.csv") == {"mixed3": "so much"}


def test_a_summary_of_forty_bad_files_stays_readable(fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "many").mkdir()
    for n in range(40):
        (tmp_path / "many" / f"{n}.csv").touch()
        (tmp_path / "many" / f"{n}.txt").touch()
    (tmp_path / "many" / "good.csv").write_text("id,text\nmany1,I love this\n")
    status, printed, said = label(fleet, "many", cwd=tmp_path)
    assert status == 1
    assert len(said.strip().splitlines()) < 20
    assert len(printed.strip().splitlines()) < 15
    assert "30 more files" in said
    assert "40 files, of no known kind: 0.txt" in printed


def test_how_a_table_was_read_and_what_it_lacks_stand_in_the_summary(fleet: Fleet, tmp_path: Path) -> None:
    rows = ["cid;text;time", *(f"said{n};text {n};{'soon' if n < 2 else '2024-03-01'}" for n in range(5))]
    (tmp_path / "semicolons.csv").write_text("\n".join(rows))
    status, printed, _ = label(fleet, "semicolons.csv", cwd=tmp_path)
    assert status == 0
    (line,) = [line for line in printed.splitlines() if line.startswith("read as")]
    for part in ("';' between fields", "header in line 1", "text in 'text'", "id in 'cid'", "created at in 'time'"):
        assert part in line
    assert "2 of 5 have no time: 'soon' in time" in printed


def test_a_file_is_inspected_without_being_labelled(fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "look.csv").write_text("id,text\n" + "".join(f"look{n},text {n}\n" for n in range(9)) + "odd\n")
    status, printed, _ = label(fleet, "--inspect", "look.csv", cwd=tmp_path)
    assert status == 0
    assert "text in 'text'" in printed
    assert ("text 4" in printed, "text 5" in printed) == (True, False)
    assert fleet.query("select count(*) from source where name = 'look.csv'") == [(0,)]


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("x.ndjson", ["--delimiter", ";"]),
        ("x.ndjson", ["--quote", "none"]),
        ("x.csv", ["--honour-deletions"]),
        ("x.csv", ["--time-format", "day-first"]),  # it has no times
        ("x.csv", ["--removed-titles"]),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(fleet: Fleet, tmp_path: Path, name: str, option: list[str]) -> None:
    path = tmp_path / name
    path.write_text('{"id": "x", "body": "a"}\n' if name.endswith("json") else "id,text\nx,a\n")
    status, _, said = label(fleet, name, *option, cwd=tmp_path)
    assert (status, f"{option[0]} would do nothing" in said) == (2, True)


def test_two_texts_under_one_id_are_never_made_one(fleet: Fleet, tmp_path: Path) -> None:
    # given a table that numbers its rows anew in each thread
    (tmp_path / "threads.csv").write_text("comment_id,comment\n1,I love it\n1_1,so do i\n1,I hate it\n1_1,so do i\n")
    found = summary(fleet, "threads.csv", "--keep-text", cwd=tmp_path)
    assert (found["classified"], found["new_rows"], found["status"]) == (4, 3, 0)
    assert sorted(texts(fleet, "threads.csv").values()) == ["I hate it", "I love it", "so do i"]
    # and a dump with an edited comment
    lines = [{"id": "edited", "body": text, "created_utc": 1_700_000_000} for text in ("first", "second")]
    (tmp_path / "RC_edited.ndjson").write_text("\n".join(map(json.dumps, lines)))
    found = summary(fleet, "RC_edited.ndjson", "--keep-text", cwd=tmp_path)
    assert (found["classified"], found["skipped"]) == (1, {"another text": 1})
    assert texts(fleet, "RC_edited.ndjson") == {"edited": "first"}


def test_folders_that_are_columns_can_be_filtered_by(fleet: Fleet, tmp_path: Path) -> None:
    for subreddit in ("python", "news"):
        (tmp_path / "data" / f"subreddit={subreddit}").mkdir(parents=True)
        (tmp_path / "data" / f"subreddit={subreddit}" / "part-0.csv").write_text("text\nthe same text\n")
    found = summary(fleet, "data", "--subreddit", "r/Python", cwd=tmp_path)
    assert (found["classified"], found["skipped"]) == (1, {"other subreddit": 1})
    assert summary(fleet, "data", cwd=tmp_path)["new_rows"] == 1


def test_filters_that_let_nothing_pass_say_what_is_near(fleet: Fleet, tmp_path: Path) -> None:
    write_dump(tmp_path / "RC_near.ndjson", ["a", "b"], subreddit="python")
    status, printed, _ = label(fleet, "RC_near.ndjson", "--subreddit", "pyhton", cwd=tmp_path)
    assert status == 0
    assert "no record is of subreddit 'pyhton': near it is python (2)" in printed


def test_titles_of_removed_posts_are_labelled_on_request(fleet: Fleet, tmp_path: Path) -> None:
    post = {"id": "gone1", "title": "I love this", "selftext": "[removed]", "subreddit": "test"}
    (tmp_path / "RS_gone.ndjson").write_text(json.dumps(post) + "\n")
    _, printed, _ = label(fleet, "RS_gone.ndjson", cwd=tmp_path)
    assert "1 posts whose text is gone have a title: --removed-titles labels it" in printed
    assert summary(fleet, "RS_gone.ndjson", "--removed-titles", "--keep-text", cwd=tmp_path)["classified"] == 1
    assert texts(fleet, "RS_gone.ndjson") == {"t3_gone1": "I love this"}


def test_a_file_is_not_labelled_by_hand_and_by_a_job(fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "dumps").mkdir()
    (tmp_path / "jobs.toml").write_text(f'[{tmp_path.name}]\ncron = "15 3 * * *"\nfiles = ["dumps"]\nsettled = 0\n')
    job = ("schedule", "run", tmp_path.name, "--json")
    write_dump(tmp_path / "dumps" / "RC_hand.ndjson", ["one", "two"], author=tmp_path.name)
    (tmp_path / "dumps" / "infos.json").write_text('{"default": {"features": {"text": {"dtype": "string"}}}}')
    assert summary(fleet, "dumps", cwd=tmp_path)["classified"] == 2
    said = json.loads(moodmill_here(*job, cwd=tmp_path, settings=fleet.settings).stdout)
    assert (said["comments"], said["succeeded"]) == (0, True)
    assert "infos.json" in said["remarks"][0]
    write_dump(tmp_path / "dumps" / "RC_job.ndjson", ["one", "two", "three"], author=tmp_path.name)
    assert json.loads(moodmill_here(*job, cwd=tmp_path, settings=fleet.settings).stdout)["comments"] == 3
    by_hand = summary(fleet, "dumps/RC_job.ndjson", cwd=tmp_path)
    assert (by_hand["read"], by_hand["status"], len(by_hand["passed_over"])) == (0, 0, 1)
    assert summary(fleet, "dumps/RC_job.ndjson", "--again", cwd=tmp_path)["classified"] == 3


def test_a_job_says_what_it_labelled_under_other_filters_and_labels_it_on_request(fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "dumps").mkdir()
    text = f'[{tmp_path.name}]\ncron = "15 3 * * *"\nfiles = ["dumps"]\nsettled = 0\n'
    job = ("schedule", "run", tmp_path.name, "--json")
    write_dump(tmp_path / "dumps" / "RC_filters.ndjson", ["one", "two"], author=tmp_path.name)
    (tmp_path / "jobs.toml").write_text(f'{text}subreddits = ["r/other"]\n')
    assert json.loads(moodmill_here(*job, cwd=tmp_path, settings=fleet.settings).stdout)["comments"] == 0
    (tmp_path / "jobs.toml").write_text(f'{text}subreddits = ["r/TEST"]\n')
    said = json.loads(moodmill_here(*job, cwd=tmp_path, settings=fleet.settings).stdout)
    assert (said["comments"], said["succeeded"]) == (0, True)
    assert "RC_filters.ndjson" in said["remarks"][0]
    assert "--again" in said["remarks"][0]
    assert json.loads(moodmill_here(*job, "--again", cwd=tmp_path, settings=fleet.settings).stdout)["comments"] == 2


def test_what_was_found_is_kept_for_the_replay(fleet: Fleet, tmp_path: Path) -> None:
    # given a table of tabs under another name, with a row that does not fit
    path = tmp_path / "kept.csv"
    path.write_text("id\ttext\nkept1\tone\nkept2\n")
    found = summary(fleet, "kept.csv", cwd=tmp_path)
    assert (found["classified"], found["dead"]) == (1, 1)
    ((letter,),) = fleet.query("select id from dead_letter where run_id = ?", [found["run"]])
    # when its row is mended, while the file has become another
    fleet.query("update dead_letter set payload = ? where id = ?", ["kept2\ttwo", letter])
    path.write_text("text;id\n")
    done = moodmill_here("dead", "replay", str(letter), "--json", cwd=tmp_path, settings=fleet.settings)
    # then it is read as the run found the table to be read
    assert json.loads(done.stdout)["replayed"] == 1


def test_an_archive_that_cannot_be_listed_is_told_again_by_whoever_resumes(fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with zipfile.ZipFile(tmp_path / "in" / "broken.zip", "w") as archive:
        archive.writestr("x.csv", "id,text\nunlisted,a\n")
    cut = (tmp_path / "in" / "broken.zip").read_bytes()[:-10]
    (tmp_path / "in" / "broken.zip").write_bytes(cut)
    (tmp_path / "in" / "good.csv").write_text("id,text\nlisted,I love this\n")
    found = summary(fleet, "in", cwd=tmp_path)
    assert (found["status"], found["classified"], list(found["source_errors"])) == (1, 1, ["broken.zip"])
    again = moodmill_here("run", "resume", found["run"], "--json", cwd=tmp_path, settings=fleet.settings)
    told = json.loads(again.stdout)
    assert (again.returncode, told["source_errors"], told["read"]) == (1, found["source_errors"], 1)


def test_an_archive_is_read_from_standard_input(fleet: Fleet, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "piped.zip", "w") as archive:
        archive.writestr("RC_a.ndjson", '{"id": "piped1", "body": "I love this"}\n')
        archive.writestr("b.csv", "id,text\npiped2,I hate this\n")
    settings = fleet.settings | {"MOODMILL_SPOOL": str(tmp_path / "spool")}
    piped = (tmp_path / "piped.zip").read_bytes()
    done = moodmill("label", "-", "--json", "--keep-text", cwd=tmp_path, settings=settings, stdin=piped)
    found = json.loads(done.stdout)
    assert (done.returncode, found["classified"], found["dead"]) == (0, 2, 0), done.stderr
    assert [name.rpartition("/")[2] for name in found["sources"]] == ["RC_a.ndjson", "b.csv"]
    # and what was kept of it is deleted
    assert [path for path in (tmp_path / "spool").rglob("*") if path.is_file()] == []


def test_how_each_source_was_read_stands_in_the_json_of_a_status(fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "said.csv").write_text("id;text\nstatus1;a\n")
    found = summary(fleet, "said.csv", cwd=tmp_path)
    told = json.loads(
        moodmill_here("run", "show", found["run"], "--json", cwd=tmp_path, settings=fleet.settings).stdout
    )
    assert told["layouts"] == found["layouts"]
    assert told["layouts"]["said.csv"]["delimiter"] == ";"


def test_names_that_no_utf_8_holds_are_printed_as_json(fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "odd.ndjson").write_text('{"id": "odd1", "data": {"te\\udc80xt": "I love this"}}\n')
    found = summary(fleet, "odd.ndjson", "--text-column", "2", cwd=tmp_path)
    assert (found["classified"], found["layouts"]["odd.ndjson"]["fields"]["called"]["text"]) == (1, "data.te\udc80xt")


def test_an_option_of_a_job_need_not_mean_something_to_each_of_its_files(fleet: Fleet, tmp_path: Path) -> None:
    (tmp_path / "dumps").mkdir()
    write_dump(tmp_path / "dumps" / "RC_mixed.ndjson", ["one"], author=tmp_path.name)
    (tmp_path / "dumps" / "mixed.csv").write_text(f"id;words\n{tmp_path.name};one, two\n")
    (tmp_path / "jobs.toml").write_text(
        f'[{tmp_path.name}]\ncron = "15 3 * * *"\nfiles = ["dumps"]\nsettled = 0\ndelimiter = ";"\n'
        "honour_deletions = true\n"
    )
    job = ("schedule", "run", tmp_path.name, "--json")
    said = json.loads(moodmill_here(*job, cwd=tmp_path, settings=fleet.settings).stdout)
    # the dump is labelled, and of the table it is said what is missing
    assert (said["comments"], said["succeeded"]) == (1, False)
    assert "mixed.csv has no text column" in said["errors"][0]


def test_newlines_behind_a_gzip_member_are_no_truncation(fleet: Fleet, tmp_path: Path) -> None:
    line = json.dumps({"id": "padded", "body": "I love this"}).encode()
    (tmp_path / "RC_padded.gz").write_bytes(gzip.compress(line + b"\n") + b"\n\n")
    assert summary(fleet, "RC_padded.gz", cwd=tmp_path)["status"] == 0
