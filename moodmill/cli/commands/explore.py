"""`moodmill explore`: the results, and how the model works, in a browser."""

import os
from concurrent.futures import Future
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Final

import click
from rich.text import Text

from moodmill.cli.commands.demo import DEMO_STORE
from moodmill.cli.extra import missing_extra, require_torch
from moodmill.cli.options import device_option, model_options, store_options
from moodmill.cli.printing import OUTPUT, REMARKS
from moodmill.cli.signals import stoppable
from moodmill.db.core.errors import SettingError

if TYPE_CHECKING:
    from moodmill.db.core.settings import StoreSettings
    from moodmill.web.explorer import Explorer
    from moodmill.worker.core.settings import WorkerSettings

#: The store that settings name where nothing else does.
DEFAULT_STORE: Final = "moodmill.db"


@click.command(short_help="Show results and model in a browser.")
@click.option(
    "--port", type=click.IntRange(0, 65_535), default=8027, show_default=True, metavar="N", help="0 is any free one."
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    metavar="ADDRESS",
    help="Where others may come from, 0.0.0.0 for anywhere: the address then has a token.",
)
@click.option("--no-browser", is_flag=True, help="Print the address, and open no browser.")
@model_options
@device_option
@store_options
def explore(port: int, host: str, no_browser: bool) -> None:
    """Show what people feel, by the results in the store, and how the model comes to its answer on a text.

    Pages in the browser, served from this machine until Ctrl-C: emotions ranked, compared, over time, together, with
    how sure each number is; comments to read; runs; and the model at work. The store is only read. No text leaves the
    machine, nothing is fetched from elsewhere, and only this machine can open the pages, unless you set --host. Needs
    the extra `web`.
    """
    from moodmill.db.core.settings import StoreSettings, read_settings
    from moodmill.worker.core.settings import WorkerSettings

    settings, store = read_settings(WorkerSettings), _store(read_settings(StoreSettings))
    from moodmill.web.application import Sources, application
    from moodmill.web.guard import LOOPBACK
    from moodmill.web.results import Results
    from moodmill.web.server import listen, new_token, open_browser, reachable, serve

    missing = _missing(settings)  # before anything else: what cannot be had is said at once
    local = host in ("127.0.0.1", "localhost", "::1")
    token = None if local else new_token()
    listener = listen(host, port)
    port = listener.getsockname()[1]
    place = "/" if token is None else f"/?token={token}"
    loading: Future[Explorer] = Future()
    if missing is None:
        Thread(target=_load, args=[settings, loading], name="loading", daemon=True).start()
    else:
        loading.set_exception(SettingError(missing))

    def on_ready() -> None:
        OUTPUT.print(Text(f"{reachable(host, port)}{place}   Ctrl-C ends it"), soft_wrap=True)
        if not no_browser:
            open_browser(reachable(host if local else "127.0.0.1", port) + place)

    sources = Sources(explorer=loading, results=Results(store))
    with stoppable():
        try:
            app = application(sources, hosts=LOOPBACK if local else None, token=token)
            serve(app, listener, loading, on_ready, has_model=missing is None)
        except KeyboardInterrupt:
            REMARKS.print("ended")
    if not loading.done():
        os._exit(os.EX_OK)  # what loads the model cannot be stopped, and takes up to a minute
    if loading.exception() is None:
        loading.result().close()


def _store(settings: "StoreSettings") -> "StoreSettings":
    """Return the store that is named; where none is, and none is there, that of the demo, if that is."""
    demo = Path(DEMO_STORE)
    if "database_url" in settings.model_fields_set or Path(DEFAULT_STORE).exists() or not demo.exists():
        return settings
    REMARKS.print(f"there is no {DEFAULT_STORE} here: these are the results of {demo}")
    return settings.model_copy(update={"database_url": f"sqlite:///{demo}"})


def _missing(settings: "WorkerSettings") -> str | None:
    """Return what is not installed, without which no model can be loaded; None where all is.

    Raises ModelError where the model that settings name cannot be had.
    """
    try:
        require_torch()
        from moodmill.worker.inference.repository import find_model

        find_model(settings)
    except ImportError as error:
        if (missing := missing_extra(error)) is not None:
            return missing
        raise
    return None


def _load(settings: "WorkerSettings", loading: "Future[Explorer]") -> None:
    from moodmill.classifier import EmotionClassifier
    from moodmill.web.explorer import Explorer

    try:
        loading.set_result(Explorer(EmotionClassifier(settings)))
    except BaseException as error:  # noqa: BLE001 - raised where the result is asked for
        loading.set_exception(error)
