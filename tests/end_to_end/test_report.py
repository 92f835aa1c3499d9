"""`moodmill report` as its users run it, and its page as a real browser shows it."""

import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from msgspec.structs import replace

from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.core.text import shortened
from moodmill.db.database.store import Store
from moodmill.db.results.models import register_model
from moodmill.report.charts import NAME
from moodmill.report.page import MARK
from tests.db.builders import classified, comments, matrix, stored
from tests.support import moodmill_here, program

RUN = "document.title = 'run'"
#: Texts that would run a script, or break the page, if one of them were taken for anything but text.
TEXTS = (
    f"<script>{RUN}</script>",
    f'"><img src="x" onerror="{RUN}">',
    f"</script></p></blockquote><svg onload=\"{RUN}\"><a href='javascript:{RUN}'>x</a>",
    "{{ 7 * 7 }} {% raw %} ${7 * 7} &lt;b&gt; \u202ereversed",
)
SUBREDDITS = ("</script><b id=bold>x</b>", '"><img onerror=x>', '<a href="http://x/">', "%{x} $x$ &lt;b>", "2024", None)
#: Milliseconds are those of the page's own clock.
CHROMIUM = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--enable-logging=stderr", "--virtual-time-budget=5000", "--dump-dom"),
)
#: Clicks the button of the first line, which is seen, and those of two that are not.
CLICKS = "<script>for (const n of [0, 5, 6]) document.querySelectorAll('.picks button')[n].click()</script>"


class Elements(HTMLParser):
    """The elements of a page, and its texts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        #: How many elements of each class a chart has, by the chart's name.
        self.drawn: dict[str, Counter[str]] = {}
        #: The texts in each element of these tags.
        self.texts: dict[str, list[str]] = {"title": [], "p": [], "text": [], "h1": [], "dd": []}
        self._open = ""
        self._chart: Counter[str] = Counter()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.found.append((tag, given))
        if name := given.get("data-figure"):
            self._chart = self.drawn.setdefault(name, Counter())
        self._chart.update([tag, *(given.get("class") or "").split()])
        if tag in self.texts:
            self.texts[tag].append("")
            self._open = tag

    def handle_endtag(self, tag: str) -> None:
        if tag == self._open:
            self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts[self._open][-1] += data


class Shown(Elements):
    """A page as Chromium shows it: its elements after all scripts, what its console said, what was requested for it."""

    def __init__(self, page: Path, folder: Path) -> None:
        log = folder / "net.json"
        done = subprocess.run(
            [
                program("chromium"),
                *CHROMIUM,
                f"--user-data-dir={folder}/profile",
                f"--log-net-log={log}",
                page.as_uri(),
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        self.console = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
        # Chromium looks for updates of its own: these have no page as their origin.
        events = (event.get("params", {}) for event in json.loads(log.read_text())["events"])
        self.requests = [one["url"] for one in events if one.get("initiator", "not an origin") != "not an origin"]
        super().__init__(done.stdout)


def fill(folder: Path, model: str = "m", ids: range = range(60)) -> None:
    """Put comments of strange texts and subreddits, of three days, into the store of a folder."""
    store = Store(f"sqlite:///{folder}/moodmill.db")
    store.prepare()
    register_model(store, model, dict.fromkeys(EMOTIONS, 0.6))
    of = [
        replace(
            one,
            id=f"<i>{one.id}",
            text=f"{number} {TEXTS[number % len(TEXTS)]}",
            subreddit=SUBREDDITS[number % len(SUBREDDITS)],
            created_at=one.created_at and one.created_at + timedelta(days=number % 3),
        )
        for number, one in enumerate(comments(ids))
    ]
    stored(store, classified(of, matrix(len(of)), model=model, keep_text=True))
    store.close()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store, for all tests."""
    folder = tmp_path_factory.mktemp("filled")
    fill(folder)
    return folder


@pytest.fixture
def folder(filled: Path, tmp_path: Path) -> Path:
    """A folder with a store of this test's own."""
    shutil.copy(filled / "moodmill.db", tmp_path)
    return tmp_path


def report(folder: Path, *arguments: str) -> CompletedProcess[str]:
    return moodmill_here("report", *arguments, cwd=folder)


def assert_harmless(shown: Shown) -> None:
    """Whatever the texts and names try, they are text."""
    assert shown.console == []
    assert shown.requests == []
    assert shown.texts["title"][0] == "Emotions in 60 comments"
    tags = Counter(tag for tag, _ in shown.found)
    assert not tags.keys() & {"img", "i", "iframe", "link"}
    assert not any(name.startswith("on") for _, given in shown.found for name in given)
    assert not any((given.get("href") or "#")[0] != "#" for _, given in shown.found)
    examples = [text for text in shown.texts["p"] if text[:1].isdigit()]
    assert len(examples) == 3 * len(EMOTIONS)
    assert {re.sub("^[0-9]+ ", "", text) for text in examples} == set(TEXTS)
    names = {f"r/{name}" for name in SUBREDDITS if name} | {"no subreddit"}
    assert {f"{shortened(name, NAME)} 10" for name in names} <= set(shown.texts["text"])


def assert_drawn(shown: Shown, lines: int) -> None:
    drawn = shown.drawn
    assert drawn.keys() == {"shares", "time", "subreddits", "together"}
    assert drawn["shares"]["point"] == len(EMOTIONS)
    assert (drawn["time"]["scatter"], drawn["time"]["point"]) == (lines, 3 * lines + 3)
    for name, rows in (("subreddits", 1 + len(SUBREDDITS)), ("together", len(EMOTIONS))):
        assert (drawn[name]["hm"], drawn[name]["image"]) == (1, 1)
        assert drawn[name]["ytick"] >= rows


def test_a_browser_draws_every_chart_runs_no_text_and_asks_for_nothing(folder: Path) -> None:
    done = report(folder, "out.html")
    assert (done.returncode, done.stdout, done.stderr) == (0, "out.html: 60 comments\n", "")
    assert {one.name for one in folder.iterdir() if "moodmill.db" not in one.name} == {"out.html"}
    shown = Shown(folder / "out.html", folder)
    assert_harmless(shown)
    assert_drawn(shown, lines=5)


def test_texts_are_escaped_and_buttons_pick_lines_without_the_pages_policy(folder: Path) -> None:
    report(folder, "out.html")
    page, policies = re.subn("<meta http-equiv[^>]*>", "", (folder / "out.html").read_text())
    assert policies == 1
    (folder / "open.html").write_text(page.replace("</body>", f"{CLICKS}</body>"))
    shown = Shown(folder / "open.html", folder)
    assert_harmless(shown)
    assert_drawn(shown, lines=6)


def test_the_page_says_what_it_covers(folder: Path) -> None:
    assert report(folder, "out.html", "--subreddit", "2024", "--since", "2024-03-02", "--examples", "0").returncode == 0
    page = Elements((folder / "out.html").read_text())
    assert page.texts["h1"] == ["Emotions in 10 comments"]
    assert page.texts["dd"][:4] == ["2024-03-02 to 2024-03-02 (UTC)", "r/2024", "r/2024; since 2024-03-02", "m"]
    assert not any(tag == "blockquote" for tag, _ in page.found)


def test_what_no_comment_tells_is_left_out(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/moodmill.db")
    store.prepare()
    register_model(store, "m", dict.fromkeys(EMOTIONS, 0.999))
    stored(store, classified([replace(one, created_at=None, subreddit=None) for one in comments(range(4))]))
    store.close()
    assert report(tmp_path, "out.html", "--top-subreddits", "1").returncode == 0
    page = Elements((tmp_path / "out.html").read_text())
    assert page.texts["dd"][:3] == ["4 comments", "none known", "m"]
    assert page.drawn.keys() == {"shares", "together"}


def test_numbers_for_scripts_need_no_page(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [
        one
        for one in sys.modules
        if one in ("moodmill.report.page", "moodmill.report.charts") or one.startswith("plotly.")
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "plotly", None)
    done = report(folder, "--json")
    assert json.loads(done.stdout)["comments"] == 60
    assert "moodmill[report]" in report(folder, "out.html").stderr


def test_an_older_page_is_replaced(folder: Path) -> None:
    (folder / "out.html").write_text(f"{MARK} the page of yesterday")
    assert json.loads(report(folder, "out.html", "--json").stdout)["comments"] == 60
    assert "yesterday" not in (folder / "out.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--json"),
        (["moodmill.db"], ".html"),
        (["mine.html"], "is there already"),
        (["nowhere/out.html"], "does not exist"),
        (["out.html", "--since", "2024-03-02T12:00"], "expected a day"),
        (["out.html", "--until", "2024-03-02T00:00+02:00"], "expected a day"),
        (["out.html", "--subreddit", "birds"], "no comments"),
        (["out.html", "--subreddit", "r/"], "expected a name"),
        (["out.html", "--since", "2024-03-02", "--until", "2024-03-02"], "since before until"),
        (["out.html", "--model", "nobody"], "expected one of m"),
    ],
)
def test_what_cannot_be_reported_is_told_and_leaves_nothing(folder: Path, arguments: list[str], said: str) -> None:
    (folder / "mine.html").write_text("<!doctype html><p>mine")
    done = report(folder, *arguments)
    assert done.returncode == 2
    assert said in done.stderr.splitlines()[-1]
    assert {one.name for one in folder.iterdir() if "moodmill.db" not in one.name} == {"mine.html"}
    assert (folder / "mine.html").read_text() == "<!doctype html><p>mine"


def test_of_several_models_one_can_be_named(folder: Path) -> None:
    fill(folder, model="other", ids=range(4))
    assert report(folder, "out.html", "--model", "other").stdout == "out.html: 4 comments\n"
    done = report(folder, "out.html", "--model", "nobody")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "m, other" in done.stderr


def test_a_store_without_rows_is_told_in_a_line(tmp_path: Path) -> None:
    Store(f"sqlite:///{tmp_path}/moodmill.db").prepare()
    done = report(tmp_path, "out.html")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "no classified comments" in done.stderr
