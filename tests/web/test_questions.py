"""The ten questions of docs/how-to/ask-the-results.md: each is answered in at most five clicks, and by one command."""

import json
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support import ROOT, moodmill_here
from tests.web.conftest import application_of, opened, served
from tests.web.stores import in_file, talk
from tests.web.test_result_pages import settle, show

#: Clicks that an answer may take: a choice, or a name that is written, is one.
MOST = 5
#: Of each row of the page's table: the question, and the command in the last column.
ROW = re.compile(r"^\| ([^|]+\?) \|.*\| `moodmill (results [^`]+)` \|$", re.MULTILINE)
COMMANDS = dict(ROW.findall((ROOT / "docs/how-to/ask-the-results.md").read_text()))


class Reader:
    """Somebody at the first page, whose clicks are counted."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.clicks = 0

    def follow(self, name: str) -> None:
        self.page.get_by_role("navigation").get_by_role("link", name=name).click()
        self._did()

    def choose(self, label: str, option: str) -> None:
        self.page.locator("label", has_text=label).locator("select").select_option(option)
        self._did()

    def write(self, label: str, text: str) -> None:
        field = self.page.get_by_role("combobox", name=label, exact=True)
        field = field if field.count() else self.page.get_by_label(label, exact=True)
        field.fill(text)
        field.press("Enter")
        self._did()

    def _did(self) -> None:
        self.clicks += 1
        self.page.wait_for_load_state()
        settle(self.page)

    def emotion(self, name: str) -> None:
        before = self.page.url
        self.page.locator("label", has_text="Look at an emotion").locator("select").select_option(name)
        self.page.wait_for_url(lambda url: url != before)
        self._did()

    def subreddit(self, label: str, name: str) -> None:
        before = self.page.url
        field = self.page.get_by_role("combobox", name=label, exact=True)
        field.fill(name)
        field.press("Enter")
        self.page.wait_for_url(lambda url: url != before)
        self._did()


def chart(reader: Reader, name: str) -> None:
    expect(reader.page.get_by_role("figure", name=re.compile(name)).first).to_be_visible()


def most(reader: Reader) -> None:
    chart(reader, "Share found of 27 emotions")


def trend(reader: Reader) -> None:
    reader.emotion("anger")
    chart(reader, "by (week|month): anger")


def trend_of_one(reader: Reader) -> None:
    reader.emotion("anger")
    reader.subreddit("Of a subreddit", "dogs")
    expect(reader.page.get_by_role("button", name="Without dogs")).to_be_visible()
    chart(reader, "by (week|month): anger")


def ranking(reader: Reader) -> None:
    reader.emotion("joy")
    expect(reader.page.get_by_role("link", name="1. cats")).to_be_visible()


def apart(reader: Reader) -> None:
    reader.subreddit("Look at a subreddit", "cats")
    reader.subreddit("Compare it with", "dogs")
    expect(reader.page.get_by_text("differs most clearly")).to_be_visible()
    chart(reader, "cats less dogs")


def changed(reader: Reader) -> None:
    reader.follow("Compare")
    reader.write("A", "2024-01")
    reader.write("B", "2024-02")
    chart(reader, "2024-01 less 2024-02")


def together(reader: Reader) -> None:
    chart(reader, "Which emotions go together")


def together_in_one(reader: Reader) -> None:
    reader.subreddit("Look at a subreddit", "dogs")
    figure = reader.page.get_by_role("figure", name="Which emotions go together")
    expect(figure.get_by_role("link", name="anger \u2192 annoyance")).to_be_visible()


def angry(reader: Reader) -> None:
    reader.follow("Comments")
    reader.choose("Emotion", "anger")
    reader.subreddit("Subreddit", "dogs")
    expect(reader.page.locator(".comments li").first).to_contain_text("r/dogs")


def bus(reader: Reader) -> None:
    reader.follow("Comments")
    reader.write("Words", "bus")
    expect(reader.page.locator(".comments li").first).to_contain_text("the bus number")


ANSWERS: dict[str, Callable[[Reader], None]] = {
    "What do people feel most?": most,
    "How did anger develop?": trend,
    "How did anger develop in one subreddit?": trend_of_one,
    "Which subreddits are the most joyful?": ranking,
    "What sets two subreddits apart?": apart,
    "What changed from one month to the next?": changed,
    "Which emotions go together?": together,
    "What comes with anger in one subreddit?": together_in_one,
    "What do angry comments of one subreddit say?": angry,
    "Who speaks of the bus with joy?": bus,
}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return in_file(tmp_path_factory.mktemp("asked"), talk(1_600))


@pytest.fixture(scope="module")
def address(url: str) -> Iterator[str]:
    with served(application_of(url)) as address:
        yield address


def test_the_docs_list_these_ten_questions() -> None:
    assert list(COMMANDS) == list(ANSWERS)
    assert len(COMMANDS) == 10


@pytest.mark.parametrize("question", ANSWERS)
def test_a_question_is_answered_in_at_most_five_clicks(question: str, address: str, browser: Browser) -> None:
    with opened(browser) as page:
        show(page, address)
        reader = Reader(page)
        ANSWERS[question](reader)
        assert reader.clicks <= MOST
        assert page.get_by_role("alert").count() == 0


@pytest.mark.parametrize("question", ANSWERS)
def test_a_question_is_answered_by_one_command(question: str, url: str, tmp_path: Path) -> None:
    asked = [*shlex.split(COMMANDS[question]), "--store", url]
    shown = moodmill_here(*asked, cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert len(shown.stdout.splitlines()) > 1
    assert json.loads(moodmill_here(*asked, "--json", cwd=tmp_path).stdout)["rows"]
