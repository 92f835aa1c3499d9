"""The page of `moodmill report` in a real browser, as a file that asks for nothing."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace
from playwright.sync_api import Browser, Page, expect

from moodmill.db.analytics.scope import scope_asked
from moodmill.db.analytics.summary import summarize
from moodmill.db.core.comment import Comment
from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.database.store import Store
from moodmill.report.page import render
from tests.web.conftest import check_accessible, opened
from tests.web.stores import HOSTILE, HOSTILE_NAME, in_file, talk


def written(folder: Path, of: Sequence[Comment], subreddits: Sequence[str] = (), *, keep_text: bool = True) -> str:
    """Write a report of comments; return its address."""
    folder.mkdir(exist_ok=True)
    store = Store(in_file(folder, of, keep_text=keep_text))
    page = render(summarize(store, scope_asked(store, subreddits=subreddits)), datetime(2024, 7, 1, tzinfo=UTC))
    store.close()
    (folder / "report.html").write_text(page)
    return (folder / "report.html").as_uri()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    return written(tmp_path_factory.mktemp("report"), talk(900))


def show(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.locator("figure.chart").first).to_be_visible()


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")])
def test_everybody_can_read_it(width: int, theme: str, report: str, browser: Browser) -> None:
    with opened(browser, width, theme) as page:
        show(page, report)
        expect(page.get_by_role("heading", level=1)).to_have_text("Emotions in 900 comments")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator("a[href^='/'], a[href^='http']:not([href*='reddit.com'])").count() == 0
        if (width, theme) in ((1280, "light"), (390, "dark")):
            check_accessible(page)


def test_it_is_at_most_a_megabyte_with_200_subreddits_over_years_and_long_texts(tmp_path: Path) -> None:
    names = [f"subreddit_{number}" for number in range(5)]
    of = [replace(one, text=f"{one.id} {one.text * 100}") for one in talk(1_500, days=2_000, subreddits=names)]
    address = written(tmp_path, of, names)
    assert Path(address.removeprefix("file://")).stat().st_size < 1_000_000


def test_hostile_texts_and_names_stay_texts(report: str, browser: Browser) -> None:
    with opened(browser, 390) as page:
        show(page, report)
        assert page.title() == "Emotions in 900 comments"
        assert page.locator("main img, main script, main svg[onload]").count() == 0
        texts = page.locator(".examples blockquote").all_inner_texts()
        assert len(page.locator(".examples li").all()) == 3 * len(EMOTIONS)
        assert any(hostile in text for hostile in HOSTILE for text in texts)
        expect(page.get_by_role("rowheader", name=HOSTILE_NAME)).to_be_visible()


def test_an_emotion_alone_over_time_is_one_click_away(report: str, browser: Browser) -> None:
    with opened(browser) as page:
        show(page, report)
        page.get_by_role("link", name="grief", exact=True).first.click()
        expect(page.get_by_role("img", name=re.compile("by (day|week|month): grief$"))).to_be_visible()
        page.get_by_label("Measure").select_option("prevalence")
        expect(page.get_by_role("img", name=re.compile("Calibrated prevalence .*: grief$"))).to_be_visible()


def test_each_chart_has_a_table_a_csv_and_its_query(report: str, browser: Browser) -> None:
    with opened(browser) as page:
        show(page, report)
        for chart in page.locator("figure.chart:visible").all():
            chart.get_by_role("button", name="Table").click()
            expect(chart.locator("table").last).to_be_visible()
            with page.expect_download() as saved:
                chart.get_by_role("button", name="CSV").click()
            assert "share_low" in Path(saved.value.path()).read_text().splitlines()[0]
            chart.get_by_role("button", name="Query").click()
            expect(chart.locator(".query")).to_contain_text("SELECT")


def test_several_subreddits_are_lines_of_their_own(tmp_path: Path, browser: Browser) -> None:
    with opened(browser) as page:
        show(page, written(tmp_path, talk(900), ["cats", "dogs"]))
        expect(page.locator("dd", has_text="r/cats, r/dogs")).to_be_visible()
        part = page.locator("section", has_text="In each subreddit over time")
        expect(part.locator("svg text", has_text="r/cats")).to_be_visible()
        expect(part.locator("svg text", has_text="r/dogs")).to_be_visible()
        part.get_by_role("button", name="anger", exact=True).click()
        expect(part.get_by_role("img", name=re.compile(": anger$"))).to_be_visible()


def test_one_day_one_comment_and_no_text_are_said_as_they_are(tmp_path: Path, browser: Browser) -> None:
    with opened(browser, 390) as page:
        show(page, written(tmp_path / "day", talk(90, days=1), keep_text=False))
        expect(page.get_by_text("there is no time to show")).to_be_visible()
        expect(page.get_by_text("moodmill label --keep-text")).to_be_visible()
        show(page, written(tmp_path / "one", talk(1)))
        expect(page.get_by_role("heading", level=1)).to_have_text("Emotions in 1 comment")
        check_accessible(page)
        unknown = [replace(one, created_at=None, subreddit=None) for one in talk(40)]
        show(page, written(tmp_path / "unknown", unknown))
        expect(page.locator("dd").first).to_have_text("40 comments")
        assert page.locator(".heat, .timed").count() == 0
