"""`moodmill explore`: how the model works, live, in a browser."""

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import click
from rich.text import Text

from moodmill.cli.options import device_option, model_options, store_options
from moodmill.cli.printing import OUTPUT, REMARKS
from moodmill.cli.signals import stoppable

if TYPE_CHECKING:
    from moodmill.web.explorer import Explorer
    from moodmill.worker.core.settings import WorkerSettings


@click.command(short_help="Show in a browser how the model works.")
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
    """Show how the model comes to its answer on a text: tokens, attention, the 27 outputs, and why.

    A page in the browser, served from this machine until Ctrl-C. No text leaves it, nothing is fetched from elsewhere,
    and nobody else can reach it, unless --host says so. Needs the extra `web`.
    """
    from moodmill.db.core.settings import StoreSettings, read_settings
    from moodmill.worker.core.settings import WorkerSettings
    from moodmill.worker.inference.repository import find_model

    settings, store = read_settings(WorkerSettings), read_settings(StoreSettings)
    from moodmill.web.application import Sources, application
    from moodmill.web.guard import LOOPBACK
    from moodmill.web.runs import last_runs
    from moodmill.web.server import listen, new_token, open_browser, serve

    find_model(settings)  # before anything else: what cannot be had is said at once
    local = host in ("127.0.0.1", "localhost", "::1")
    token = None if local else new_token()
    listener = listen(host, port)
    name = f"[{host}]" if ":" in host else host
    address = f"http://{name}:{listener.getsockname()[1]}/model" + ("" if token is None else f"?token={token}")

    def on_ready() -> None:
        OUTPUT.print(Text(f"{address}   Ctrl-C ends it"), soft_wrap=True)
        if not no_browser:
            open_browser(address)

    with ThreadPoolExecutor(1, "loading") as loader:
        loading = loader.submit(_load, settings)
        sources = Sources(explorer=loading, runs=lambda: last_runs(store))
        app = application(sources, hosts=LOOPBACK if local else None, token=token)
        with stoppable():
            try:
                serve(app, listener, loading, on_ready)
            except KeyboardInterrupt:
                REMARKS.print("ended")
    if loading.exception() is None:
        loading.result().close()


def _load(settings: "WorkerSettings") -> "Explorer":
    from moodmill.classifier import EmotionClassifier
    from moodmill.web.explorer import Explorer

    return Explorer(EmotionClassifier(settings))
