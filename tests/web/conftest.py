"""The application over HTTP with a real model, and a real browser that opens its pages."""

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from moodmill.classifier import EmotionClassifier
from moodmill.db.core.settings import StoreSettings
from moodmill.web.application import Sources, application
from moodmill.web.explorer import Explorer
from moodmill.web.results import Results
from moodmill.web.server import configured, listen
from moodmill.worker.inference.repository import BUNDLED
from tests.support import program, wait_until
from tests.worker.builders import settings_for


@contextmanager
def served(app: Any) -> Iterator[str]:
    """Serve an application: its address."""
    listener = listen("127.0.0.1", 0)
    server = uvicorn.Server(configured(app))
    thread = Thread(target=server.run, args=[[listener]], daemon=True)
    thread.start()
    wait_until(lambda: server.started)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@contextmanager
def explorer_of(model: Path | str, store: str = "sqlite:////nowhere/moodmill.db") -> Iterator[str]:
    """Serve the pages of a model, and of a store: their address."""
    loading: Future[Explorer] = Future()
    with EmotionClassifier(settings_for(Path(model))) as classifier:
        loading.set_result(Explorer(classifier))
        with served(
            application(Sources(explorer=loading, results=Results(StoreSettings(database_url=store))))
        ) as address:
            yield address


def application_of(store: str, **options: Any) -> Any:
    """Return the application of a store, by its URL, whose model is never loaded."""
    results = Results(StoreSettings(database_url=store))
    return application(Sources(explorer=Future[Explorer](), results=results), **options)


@pytest.fixture(scope="package")
def bundled() -> Iterator[str]:
    """The pages of the bundled model."""
    with explorer_of(BUNDLED) as address:
        yield address


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=program("chromium"), args=["--no-sandbox"])
        yield found
        found.close()


@contextmanager
def opened(
    browser: Browser, width: int = 1280, theme: str = "light", *, complaining: bool = False, **options: Any
) -> Iterator[Page]:
    """Open a page that must ask for nothing that is not of this machine, and must not complain unless it is to."""
    scheme: Any = theme
    context: BrowserContext = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce", **options
    )
    context.set_default_timeout(20_000)
    page = context.new_page()
    complaints: list[str] = []
    if not complaining:
        page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda asked: complaints.append(asked.url) if is_foreign(asked.url) else None)
    try:
        yield page
    finally:
        context.close()
    assert complaints == []


def is_foreign(url: str) -> bool:
    return not url.startswith(("http://127.0.0.1:", "http://localhost:", "data:", "blob:", "file:", "about:"))


def check_accessible(page: Page) -> None:
    found: Any = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]})
    said = [(one["id"], [node["html"][:200] for node in one["nodes"]][:3]) for one in found.response["violations"]]
    assert said == []
