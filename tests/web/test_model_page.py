"""`/model` in a real browser, as a person uses it: on a phone and a desk, in light and dark, with a keyboard alone."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from moodmill.db.core.emotions import EMOTIONS
from moodmill.worker.inference.repository import BUNDLED
from tests.support import make_model
from tests.web.conftest import check_accessible, explorer_of, opened
from tests.worker.architectures import FAMILIES, make_of
from tests.worker.builders import plain_probabilities

MINUS = "\u2212"
HAPPY = "I am so happy today!"
MIXED = "I just found out I got the job! I'm so nervous but incredibly excited."


def show(page: Page, address: str, text: str = HAPPY, place: str = "") -> None:
    page.goto(f"{address}/model?text={quote(text)}{place}")
    expect(page.locator(".ranking").first).to_be_visible()
    settle(page)


def settle(page: Page) -> None:
    """Wait until the page shows what belongs together: as many weights in a row as there are tokens."""
    expect(page.locator(".effects, .two p.soft").first).to_be_visible()


def ranked(page: Page) -> dict[str, float]:
    rows = page.locator("#part-5 .ranking li button").all_inner_texts()
    return {row.split()[0]: float(row.split()[-1]) for row in rows}


def top_of(folder: Path, text: str, most: int = 5) -> dict[str, float]:
    [row] = plain_probabilities(folder, [text], segment=48 if folder == BUNDLED else 512)
    order = sorted(range(len(EMOTIONS)), key=lambda at: -row[at])[:most]
    return {EMOTIONS[at]: float(row[at]) for at in order}


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with opened(browser) as page:
        yield page


@pytest.mark.parametrize(("width", "theme"), [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")])
def test_the_nine_parts_are_there_and_everybody_can_read_them(
    width: int, theme: str, bundled: str, browser: Browser
) -> None:
    with opened(browser, width, theme) as page:
        show(page, bundled)
        assert page.locator("section").count() == 9
        pieces = page.locator(".chip span").all_inner_texts()
        assert pieces == ["[CLS]", "I", "am", "so", "happy", "today", "!", "[SEP]"]
        expect(page.locator(".layer")).to_have_count(6)
        expect(page.locator(".head")).to_have_count(12)
        assert page.locator(".neuron").count() == 27
        assert ranked(page) == pytest.approx(top_of(BUNDLED, HAPPY), abs=1e-3)
        assert "23.2 M" in page.locator("#part-6").inner_text()
        assert "43,410" in page.locator("#part-7").inner_text()
        assert "snapshot_download" in page.locator("#part-8").inner_text()
        expect(page.locator("#part-9 tbody tr").first).to_contain_text(re.compile("excitement|nervousness"))
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        check_accessible(page)


def test_all_follows_what_is_typed_and_the_address_is_the_place(bundled: str, page: Page) -> None:
    show(page, bundled)
    page.get_by_label("Write something").fill("thanks")
    expect(page.locator("#part-1 .answer")).to_contain_text("gratitude")
    expect(page.locator(".chip")).to_have_count(3)
    page.get_by_role("button", name="Layer 4").click()
    page.get_by_role("button", name="Head 7").click()
    page.locator(".neuron", has_text="caring").click()
    page.wait_for_url(re.compile("emotion=caring"))
    there = parse_qs(urlsplit(page.url).query)
    assert there == {"text": ["thanks"], "layer": ["4"], "head": ["7"], "emotion": ["caring"]}
    page.reload()
    expect(page.locator("h3", has_text="Layer 4, head 7")).to_be_visible()
    expect(page.locator("h3", has_text="Why caring?")).to_be_visible()


def test_an_address_that_names_what_is_not_there_shows_what_is(bundled: str, browser: Browser) -> None:
    with opened(browser, complaining=True) as page:
        show(page, bundled, HAPPY, "&segment=9&layer=99&head=99&token=99&top=0&emotion=nonsense&other=1")
        expect(page.locator("h3", has_text="Layer 6, head 12")).to_be_visible()
        expect(page.locator("h3", has_text="Why joy?")).to_be_visible()
        expect(page.get_by_role("alert")).to_have_count(0)


def test_a_text_of_several_segments_says_of_which_one_each_part_is(bundled: str, page: Page) -> None:
    show(page, bundled, "Thank you so much for the gift. " * 12 + "I am terrified of spiders.")
    for part in (3, 4, 8):
        expect(page.locator(f"#part-{part} .note")).to_contain_text("Of segment 1 of")
    expect(page.locator("#part-5")).to_contain_text("at least one of its segments")
    page.locator("#part-5 .ranking button", has_text="fear").click()
    expect(page.locator("#part-4 .note")).to_contain_text("Of segment 3 of 3")


def test_why_names_the_words_and_products_add_up_to_the_logit(bundled: str, page: Page) -> None:
    show(page, bundled, MIXED, "&emotion=nervousness")
    expect(page.locator(".effects li", has_text="nervous").first).to_contain_text(re.compile(r"\+0\.\d\d"))
    expect(page.locator(".effects li", has_text="excited")).to_contain_text(re.compile(rf"{MINUS}0\.\d\d"))
    cells = [cell.replace(MINUS, "-") for cell in page.locator(".sum td:last-child").all_inner_texts()]
    *products, logit = map(float, cells)
    assert sum(products) == pytest.approx(logit, abs=0.01)


def test_what_is_drawn_is_what_the_heading_says(bundled: str, browser: Browser) -> None:
    with opened(browser, complaining=True) as page:
        show(page, bundled)
        expect(page.locator("h3", has_text="Layer 1, head 1")).to_be_visible()
        page.route("**/api/attention", lambda route: route.fulfill(status=400, body='{"error": "out of memory"}'))
        page.get_by_role("button", name="Layer 4").click()
        expect(page.get_by_role("alert")).to_contain_text("out of memory")
        expect(page.locator(".heads")).to_have_count(0)
        page.unroute("**/api/attention")
        page.get_by_role("button", name="Layer 2").click()
        expect(page.locator("h3", has_text="Layer 2, head 1")).to_be_visible()


def test_a_mouse_that_passes_chooses_nothing(bundled: str, page: Page) -> None:
    show(page, bundled)
    page.locator(".neuron", has_text="caring").click()
    page.locator(".neuron", has_text="fear").hover()
    expect(page.locator("#part-4 p.soft").first).to_contain_text("fear: probability")
    page.locator("h1").hover()
    expect(page.locator("#part-4 p.soft").first).to_contain_text("caring: probability")
    expect(page.locator("h3", has_text="Why caring?")).to_be_visible()


def test_a_model_of_more_outputs_is_shown_with_code_that_chooses_the_emotions(
    browser: Browser, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_model(tmp_path / "model", ["neutral", *reversed(EMOTIONS)])
    (folder / "training.json").write_text('{"evaluation": {"macro_f1": "0.5"}, "dataset": [1]}')
    with explorer_of(folder) as address, opened(browser) as page:
        show(page, address)
        exec(compile("\n".join(page.locator("#part-8 .code").all_inner_texts()), "steps", "exec"), {})
        name, number = capsys.readouterr().out.split()
        [(wanted, probability)] = top_of(folder, HAPPY, 1).items()
        assert name == wanted
        assert float(number) == pytest.approx(probability, abs=1e-3)


def test_the_keyboard_alone_goes_everywhere(bundled: str, page: Page) -> None:
    show(page, bundled)
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.get_by_label("Write something").focus()
    for wanted in ("Save this page", "[CLS]", "Layer 1", "Head 1"):
        page.keyboard.press("Tab")
        expect(page.locator(":focus")).to_contain_text(wanted)
    page.keyboard.press("ArrowRight")
    expect(page.locator("h3", has_text="Layer 1, head 2")).to_be_visible()
    page.locator(".chip").first.focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    expect(page.locator("h3", has_text="happy looks at")).to_be_visible()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "<img src=x onerror=alert(1)> </textarea><script>alert(2)</script> ${{}} &amp; \" '",
        "😂 ❤️ 👩‍👩‍👧 字 \u200d\u202e abc",
        "مرحبا بالعالم، أنا سعيد جدا اليوم",
        "word " * 600,
    ],
    ids=["empty", "one", "markup", "emoji", "arabic", "long"],
)
def test_any_text_is_shown_as_it_is(text: str, bundled: str, page: Page) -> None:
    show(page, bundled, text)
    assert page.locator("#text").input_value() == text
    assert page.locator("img").count() == 0
    assert ranked(page) == pytest.approx(top_of(BUNDLED, text), abs=1e-3)
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


@pytest.mark.parametrize("shape", ["Bert 12x12", "Roberta", "DistilBert", "DebertaV2"])
def test_models_of_other_shapes_are_shown_with_their_own_layers_and_heads(
    shape: str, browser: Browser, tmp_path: Path
) -> None:
    folder = tmp_path / "<b>model & co"
    layers, heads = 2, 2
    if shape == "Bert 12x12":
        layers = heads = 12
        make_model(folder, num_hidden_layers=12, num_attention_heads=12, hidden_size=48)
    else:
        [family] = [family for family in FAMILIES if family.name == shape]
        make_of(family, folder, EMOTIONS)
    with explorer_of(folder) as address, opened(browser) as page:
        show(page, address)
        expect(page.locator(".layer")).to_have_count(layers)
        expect(page.locator(".head")).to_have_count(heads)
        assert page.locator(".neuron").count() == 27
        assert ranked(page) == pytest.approx(top_of(folder, HAPPY), abs=1e-3)
        expect(page.locator(".lead code")).to_contain_text("<b>model & co@")
        assert "does not say how it was trained" in page.locator("#part-6").inner_text()


def test_512_tokens_are_drawn_with_a_bounded_number_of_lines(browser: Browser, tiny_model: Path) -> None:
    text = "i love this so much thanks " * 84
    with explorer_of(tiny_model) as address, opened(browser) as page:
        show(page, address, text)
        expect(page.locator(".chip")).to_have_count(506)
        expect(page.get_by_role("button", name="Leave out each of the 506 tokens")).to_be_visible()
        page.get_by_role("button", name="Head 2").click()
        expect(page.locator("h3", has_text="Layer 1, head 2")).to_be_visible()
        with page.expect_download() as kept:
            page.get_by_role("button", name="Save attention-layer-1-head-2 as SVG").click()
        assert 100 < Path(kept.value.path()).read_text().count("<line") <= 2400


def test_a_page_is_kept_as_one_file_that_needs_no_server(bundled: str, browser: Browser, tmp_path: Path) -> None:
    hostile = f"{MIXED} </script><!--"
    with opened(browser) as page:
        show(page, bundled, hostile, "&emotion=fear&layer=3&head=7&token=4")
        with page.expect_download() as kept:
            page.get_by_role("button", name="Save this page").click()
        kept.value.save_as(tmp_path / "kept.html")
        answer = ranked(page)
    with opened(browser, offline=True) as page:
        page.goto((tmp_path / "kept.html").as_uri())
        expect(page.locator(".ranking").first).to_be_visible()
        settle(page)
        assert page.locator("#text").input_value() == hostile
        assert ranked(page) == answer
        expect(page.locator("h3", has_text="Why fear?")).to_be_visible()
        expect(page.locator("h3", has_text="Layer 3, head 7")).to_be_visible()
        page.get_by_role("button", name="Layer 6").click()
        expect(page.locator("h3", has_text="Layer 6, head 7")).to_be_visible()
        check_accessible(page)


def test_a_picture_is_kept_as_svg_and_png(bundled: str, page: Page) -> None:
    show(page, bundled)
    for kind, start in (("SVG", b"<svg"), ("PNG", b"\x89PNG")):
        with page.expect_download() as kept:
            page.locator("#part-4 .keep button", has_text=kind).click()
        assert Path(kept.value.path()).read_bytes().startswith(start)


def test_the_five_steps_are_code_that_says_the_same(
    bundled: str, page: Page, capsys: pytest.CaptureFixture[str]
) -> None:
    show(page, bundled, MIXED)
    code = "\n".join(page.locator("#part-8 .code").all_inner_texts())
    exec(compile(code, "steps", "exec"), {})
    name, number = capsys.readouterr().out.split()
    [wanted] = top_of(BUNDLED, MIXED, 1).items()
    assert name == wanted[0]
    assert float(number) == pytest.approx(wanted[1], abs=1e-3)


def test_an_error_of_the_server_is_said_and_the_page_goes_on(bundled: str, browser: Browser) -> None:
    with opened(browser, complaining=True) as page:
        show(page, bundled)
        answer: Any = {"status": 400, "content_type": "text/html", "body": json.dumps({"error": "the model fails"})}
        page.route("**/api/explain", lambda route: route.fulfill(**answer))
        page.get_by_label("Write something").fill("more")
        expect(page.get_by_role("alert")).to_contain_text("the model fails")
        page.unroute("**/api/explain")
        page.get_by_label("Write something").fill("thanks")
        expect(page.locator("#part-1 .answer")).to_contain_text("gratitude")
