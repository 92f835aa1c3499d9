"""The pages of results in a real browser: on a phone and a desk, in light and dark, whatever the store holds."""

import csv
import io
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import text

from moodmill.db.analytics.rollups import invalidate_all, refresh
from moodmill.db.core.emotions import EMOTIONS
from moodmill.db.database.store import Store
from tests.web.conftest import application_of, check_accessible, opened, served
from tests.web.stores import HOSTILE, HOSTILE_NAME, fill, in_file, talk
from tests.web.test_api import answer, ask

PAGES = (
    "/",
    "/emotion/anger",
    "/subreddit/cats",
    "/compare?a=cats&b=dogs",
    "/compare?a=2024-01&b=2024-02..2024-04",
    "/examples?emotion=anger",
    "/runs",
)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return in_file(tmp_path_factory.mktemp("filled"), talk(1_200))


@pytest.fixture(scope="module")
def filled(url: str) -> Iterator[str]:
    """The pages of a store: their address."""
    with served(application_of(url)) as address:
        yield address


def alike(row: Sequence[Any], other: Sequence[Any]) -> bool:
    """Tell whether two rows say the same: numbers to the digits that a page gets."""
    pairs = zip(row, other, strict=True)
    return all(one == (pytest.approx(two, rel=1e-4) if isinstance(two, float) else two) for one, two in pairs)


def settle(page: Page) -> None:
    """Wait until everything that was asked for is there."""
    expect(page.locator("form, section").first).to_be_visible()
    expect(page.locator("[aria-busy=true], .waiting")).to_have_count(0)


def show(page: Page, address: str) -> None:
    page.goto(address)
    settle(page)


@pytest.mark.parametrize(
    ("width", "theme", "paths"),
    [(1280, "light", PAGES), (390, "dark", PAGES), (1280, "dark", PAGES[:1]), (390, "light", PAGES[3:4])],
)
def test_everybody_can_read_every_page(
    width: int, theme: str, paths: Sequence[str], filled: str, browser: Browser
) -> None:
    with opened(browser, width, theme) as page:
        for path in paths:
            show(page, filled + path)
            assert page.get_by_role("alert").count() == 0, path
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
            check_accessible(page)


def test_every_chart_has_its_numbers_as_a_table_csv_svg_and_query(filled: str, url: str, browser: Browser) -> None:
    with opened(browser) as page:
        show(page, filled)
        charts = page.locator("figure.chart")
        assert charts.count() >= 4
        for chart in charts.all():
            if not chart.is_visible():
                continue
            chart.get_by_role("button", name="Table").click()
            expect(chart.locator("table").last).to_be_visible()
            with page.expect_download() as saved:
                chart.get_by_role("link", name="CSV").click()
            rows = list(csv.DictReader(io.StringIO(Path(saved.value.path()).read_text())))
            assert {"share", "share_low", "share_high"} <= rows[0].keys()
            with page.expect_download() as saved:
                chart.get_by_role("button", name="SVG").click()
            drawn = Path(saved.value.path()).read_text()
            assert drawn.startswith("<svg")
            assert "var(" not in drawn
            chart.get_by_role("button", name="Query").click()
            query = chart.locator(".query").inner_text()
            with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
                assert connection.execute(query).fetchone()


def test_hostile_texts_and_names_stay_texts(filled: str, browser: Browser) -> None:
    with opened(browser, 390) as page:
        for path in (
            "/",
            f"/subreddit/{quote(HOSTILE_NAME, safe='')}",
            "/examples?emotion=joy&words=bus",
            "/emotion/joy",
        ):
            show(page, filled + path)
            assert page.title() not in ("run", "1")
            assert page.locator("main img, main script").count() == 0
        show(page, f"{filled}/examples?emotion=approval&words=reversed")
        expect(page.locator(".comments blockquote").first).to_contain_text(HOSTILE[3])
        show(page, filled)
        page.get_by_role("link", name=f"r/{HOSTILE_NAME}").click()
        expect(page.get_by_role("heading", level=1)).to_have_text(f"r/{HOSTILE_NAME}")
        settle(page)
        expect(page.locator(".remark").first).to_have_text("of 300 comments")
    rows = csv.reader(io.StringIO(ask(filled, "/api/results/examples.csv?emotion=joy&limit=200")[1].decode()))
    assert not any(field[:1] in ("=", "+", "@") for row in rows for field in row)


def test_a_view_is_an_address_and_back_takes_a_change_back(filled: str, browser: Browser) -> None:
    with opened(browser) as page:
        show(page, filled)
        page.get_by_label("Measure").select_option("prevalence")
        page.get_by_role("button", name="grief", exact=True).click()
        page.locator("label", has_text="Show").locator("select").select_option("10")
        settle(page)
        assert "measure=prevalence" in page.url
        assert "grief" in page.url
        shown = page.locator("main").inner_text()
        show(page, page.url)
        assert page.locator("main").inner_text() == shown
        expect(page.get_by_label("Measure")).to_have_value("prevalence")
        page.get_by_label("Measure").select_option("share")
        page.go_back()
        expect(page.get_by_label("Measure")).to_have_value("prevalence")


def test_an_emotion_that_is_in_no_comment_breaks_no_part(tmp_path: Path, browser: Browser) -> None:
    url = in_file(tmp_path, talk(300))
    with closing(Store(url)) as store:
        with store.writing() as connection:
            connection.execute(text("update comment_emotion set grief = 0"))
        invalidate_all(store)
        refresh(store)
    with served(application_of(url)) as address, opened(browser) as page:
        show(page, address)
        page.get_by_text("All pairs").click()
        expect(page.locator(".heat").last).to_be_visible()
        assert page.get_by_role("alert").count() == 0


def test_an_address_of_no_emotion_or_of_no_text_is_said(filled: str, browser: Browser) -> None:
    with opened(browser, 390, complaining=True) as page:
        for path, said in (
            ("/emotion/constructor", "There is no emotion constructor"),
            ("/emotion/%ff", "There is no emotion"),
            ("/subreddit/%E0%A4%A", "no comments of the model m"),
            ("/subreddit/" + "x" * 300, "no comments of the model m"),
            ("/compare?a=cats&b=" + "x" * 300, "no comments of the model m"),
            ("/examples?emotion=anger&since=0001-01-01T00:00%2B05:00", "expected a day"),
        ):
            page.goto(filled + path)
            expect(page.get_by_role("alert").first).to_contain_text(said)
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
        show(page, f"{filled}/?measure=toString&emotions=constructor")
        assert "NaN" not in page.locator("main").inner_text()


def test_columns_of_the_heat_map_put_subreddits_in_order_by_keyboard(filled: str, browser: Browser) -> None:
    with opened(browser) as page:
        show(page, filled)
        rows = page.locator(".heat").first.locator("tbody th")
        page.get_by_role("button", name="Sort by anger").focus()
        page.keyboard.press("Enter")
        expect(rows.first).to_contain_text("r/dogs")
        page.get_by_role("button", name="Sort by joy").focus()
        page.keyboard.press("Enter")
        expect(rows.first).to_contain_text("r/cats")
        assert "sort=joy" in page.url


def test_without_texts_the_way_to_keep_them_is_said(tmp_path: Path, browser: Browser) -> None:
    with served(application_of(in_file(tmp_path, talk(80), keep_text=False))) as address, opened(browser) as page:
        show(page, f"{address}/examples?emotion=joy")
        expect(page.get_by_text("moodmill label --keep-text")).to_be_visible()
        link = page.locator(".comments a[href^='https://www.reddit.com/']").first
        assert link.get_attribute("rel") == "noreferrer noopener"


def test_one_day_has_no_time_axis_and_one_comment_is_one_comment(tmp_path: Path, browser: Browser) -> None:
    (tmp_path / "day").mkdir()
    with served(application_of(in_file(tmp_path / "day", talk(60, days=1)))) as address, opened(browser) as page:
        show(page, address)
        expect(page.get_by_text("there is no time to show")).to_be_visible()
        assert page.locator(".timed").count() == 0
    with served(application_of(in_file(tmp_path, talk(1)))) as address, opened(browser, 390) as page:
        show(page, address)
        expect(page.locator(".lead").first).to_contain_text("1 comment of 1 subreddit")
        expect(page.get_by_text("No subreddit has 30 comments or more.")).to_be_visible()
        check_accessible(page)


def test_of_200_subreddits_as_many_are_shown_as_asked_for_and_each_is_found_by_name(
    tmp_path: Path, browser: Browser
) -> None:
    names = [f"subreddit_{number}" for number in range(200)]
    with (
        served(application_of(in_file(tmp_path, talk(2_010, days=40, subreddits=names)))) as address,
        opened(browser) as page,
    ):
        show(page, f"{address}/?least=1&limit=100")
        expect(page.locator(".heat").first.locator("tbody tr")).to_have_count(100)
        field = page.get_by_role("combobox", name="Look at a subreddit")
        field.fill("reddit_173")
        expect(page.locator("#subreddits option")).to_have_count(1)
        field.fill("SUBREDDIT_173")
        field.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("r/SUBREDDIT_173")
        settle(page)
        expect(page.locator(".remark").first).to_have_text("of 10 comments")
        expect(page.get_by_text("No week has 30 comments or more")).to_be_visible()


def test_an_empty_store_and_one_of_another_version_are_said(tmp_path: Path, browser: Browser) -> None:
    for name, revision, said in (
        ("empty", "head", "holds no classified comments"),
        ("old", "0100", "run `moodmill db upgrade`"),
    ):
        url = f"sqlite:///{tmp_path}/{name}.db"
        with closing(Store(url)) as store:
            store.upgrade(revision)
        with served(application_of(url)) as address, opened(browser, complaining=True) as page:
            page.goto(address)
            expect(page.get_by_role("alert")).to_contain_text(said)
            expect(page.get_by_role("link", name="How the model works").last).to_be_visible()


def test_a_store_that_goes_away_is_said_and_its_return_is_seen(tmp_path: Path, browser: Browser) -> None:
    url = in_file(tmp_path, talk(200))
    file = tmp_path / "moodmill.db"
    with served(application_of(url)) as address, opened(browser, complaining=True) as page:
        show(page, address)
        file.rename(tmp_path / "gone")
        page.get_by_label("From").fill("2024-02-01")
        expect(page.get_by_role("alert").first).to_contain_text("no store at")
        (tmp_path / "gone").rename(file)
        page.get_by_label("From").fill("2024-03-01")
        expect(page.get_by_role("alert")).to_have_count(0)
        settle(page)


def test_roll_ups_that_are_behind_are_said_with_the_way_to_refresh_them(tmp_path: Path, browser: Browser) -> None:
    url = in_file(tmp_path, talk(100))
    with closing(sqlite3.connect(tmp_path / "moodmill.db")) as connection:
        connection.execute("insert into dirty_period (grain, model, start) values ('day', 'm', '2024-01-01')")
        connection.commit()
    with served(application_of(url)) as address, opened(browser) as page:
        show(page, address)
        expect(page.get_by_text("`moodmill db rollup` does it").first).to_be_visible()


def test_the_answers_are_those_of_the_command_line(filled: str, url: str, tmp_path: Path) -> None:
    from tests.support import moodmill_here

    shown = answer(filled, "/api/results/rank?emotion=anger&least=1&since=2024-02-01")
    arguments = ("results", "rank", "anger", "--min-comments", "1", "--since", "2024-02", "--store", url, "--json")
    told = json.loads(moodmill_here(*arguments, cwd=tmp_path).stdout)
    for row, record in zip(shown["rows"], told["rows"], strict=True):
        found = dict(zip(shown["columns"], row, strict=True))
        assert alike(list(found.values()), list(record.values()))
    assert shown["queries"] == told["queries"]


def test_what_an_address_asks_wrongly_is_said_in_a_line(filled: str) -> None:
    for path, said in (
        ("rank?emotion=angr", "expected one of the 27 emotions"),
        ("rank?emotion=joy&least=many", "the address asks for what there is not"),
        ("rank?emotion=joy&limit=-1", "the address asks for what there is not"),
        ("examples?emotion=joy&skip=99999999999999999999", "the address asks for what there is not"),
        ("rank?emotion=joy&colour=red", "unknown field `colour`"),
        ("overview?since=2024-13", "expected a month, day or time"),
        ("overview?subreddit=catz", "near it"),
        ("compare?a=cats&b=cats", "expected two subreddits"),
        ("examples?emotion=joy&words=-a", "expected words"),
    ):
        status, body = ask(filled, f"/api/results/{path}")
        assert status == 400
        assert said in json.loads(body)["error"]


def test_postgresql_answers_as_sqlite_does(postgres_url: str, filled: str) -> None:
    with served(application_of(fill(postgres_url, talk(1_200)))) as address:
        for question in ("overview", "trend?emotions=joy,anger", "rank?emotion=joy&least=1", "heatmap", "pairs"):
            ours, others = (answer(one, f"/api/results/{question}") for one in (address, filled))
            assert ours["columns"] == others["columns"]
            assert len(ours["rows"]) == len(others["rows"]) > 0
            for row, other in zip(ours["rows"], others["rows"], strict=True):
                assert alike(row, other)
        assert answer(address, "/api/store")["groups"] == answer(filled, "/api/store")["groups"]
        assert answer(address, "/api/results/examples?emotion=joy&words=bus")["rows"]
        assert len(EMOTIONS) == len(answer(address, "/api/store")["emotions"])
