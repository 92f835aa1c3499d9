"""The ASGI application: pages, and under /api what they ask for, as JSON."""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Collection, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from moodmill.db.core.errors import MoodmillError, StoreAwayError
from moodmill.db.core.text import shortened
from moodmill.web.guard import LOOPBACK, Guard
from moodmill.web.pages import STATIC, page, policy, saved_page
from moodmill.web.results import QUESTIONS, Results, as_csv, as_json

if TYPE_CHECKING:
    from moodmill.web.explorer import Explorer  # which imports torch: pages are there before it is

#: Bytes of a request: a text of MAX_CHARACTERS, each escaped.
MAX_REQUEST: Final = 2 * 2**20
#: Numbers of attention that a saved page holds; of more, only the layer that is shown.
MAX_SAVED: Final = 4_000_000
#: Of each page: its address, its module, its title.
PAGES: Final = (
    ("/", "overview", "Emotions - moodmill"),
    ("/emotion/{emotion}", "emotion", "Emotion - moodmill"),
    ("/subreddit/{subreddit:path}", "subreddit", "Subreddit - moodmill"),
    ("/compare", "compare", "Compare - moodmill"),
    ("/examples", "examples", "Comments - moodmill"),
    ("/runs", "runs", "Runs - moodmill"),
    ("/model", "model", "How the model works - moodmill"),
)
#: Characters of an error: it may repeat what was asked.
MAX_ERROR: Final = 500
#: Seconds between two looks whether a page still waits for its answer.
LOOK_S: Final = 0.1


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    """What a page asks of a text."""

    text: str
    #: Which segment of it is looked into.
    segment: int = 0
    layer: int = 0


class Place(Asked, forbid_unknown_fields=True):
    """Where a reader is on the page."""

    head: int = 0
    token: int = 0
    emotion: str = ""
    top: int = 5


Form = TypeVar("Form", bound=Asked)


@dataclass(frozen=True, kw_only=True)
class Sources:
    """What the application shows."""

    #: The model, once it is loaded.
    explorer: "Future[Explorer]"
    #: The store.
    results: Results


def application(
    sources: Sources, *, prefix: str = "", hosts: Collection[str] | None = LOOPBACK, token: str | None = None
) -> Starlette:
    """Return the application. `prefix`: where it is mounted; `hosts`: its names, None: any; `token`: who may see it."""
    api = Api(sources)
    routes: list[BaseRoute] = [
        *(Route(path, _page(name, title, prefix)) for path, name, title in PAGES),
        Route("/api/runs", api.runs),
        Route("/api/store", api.store),
        *(Route(f"/api/results/{name}", partial(api.results, name)) for name in QUESTIONS),
        *(Route(f"/api/results/{name}.csv", partial(api.csv, name)) for name in QUESTIONS),
        Route("/api/model", api.model),
        Route("/api/explain", api.explain, methods=["POST"]),
        Route("/api/effects", api.effects, methods=["POST"]),
        Route("/api/attention", api.attention, methods=["POST"]),
        Route("/api/save", api.save, methods=["POST"]),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    guard = Middleware(Guard, policy=policy(prefix), hosts=hosts, token=token)
    return Starlette(routes=routes, middleware=[guard], exception_handlers={MoodmillError: _refused})


def _page(name: str, title: str, prefix: str) -> Callable[[Request], Awaitable[Response]]:
    async def answer(_: Request) -> Response:
        return HTMLResponse(page(name, title, prefix))

    return answer


class Api:
    """The answers under /api. Each is what the Python API says, as JSON; attention alone comes as bytes."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    async def runs(self, _: Request) -> Response:
        """The runs of the store, what is left of them, dead letters and jobs."""
        return _json(await run_in_threadpool(self._sources.results.runs))

    async def store(self, _: Request) -> Response:
        """What the store holds."""
        return _json(await run_in_threadpool(self._sources.results.facts))

    async def results(self, question: str, request: Request) -> Response:
        """The answer to a question: columns, rows, remarks, and the SQL that they come from."""
        finding = await run_in_threadpool(self._sources.results.answer, question, request.query_params.multi_items())
        return _json(as_json(finding))

    async def csv(self, question: str, request: Request) -> Response:
        """The same for a spreadsheet."""
        finding = await run_in_threadpool(self._sources.results.answer, question, request.query_params.multi_items())
        named = {"content-disposition": f'attachment; filename="{question}.csv"'}
        return Response(as_csv(finding), media_type="text/csv", headers=named)

    async def model(self, _: Request) -> Response:
        """What the model is."""
        explorer = await self._explorer()
        return _json(await run_in_threadpool(explorer.model))

    async def explain(self, request: Request) -> Response:
        """Tokens, logits and probabilities of a text."""
        asked, explorer = await _asked(request, Asked), await self._explorer()
        return _json(await run_in_threadpool(explorer.explain, asked.text, asked.segment))

    async def effects(self, request: Request) -> Response:
        """What each token does to each probability."""
        asked, explorer = await _asked(request, Asked), await self._explorer()
        left = Event()
        watching = asyncio.create_task(_watch(request, left))
        try:
            effects = await run_in_threadpool(explorer.effects, asked.text, asked.segment, lambda: not left.is_set())
        finally:
            left.set()
            watching.cancel()
        return _json({"effects": effects})

    async def attention(self, request: Request) -> Response:
        """A layer's attention, [heads, n, n], as unsigned integers of 16 bits, little-endian; 65,535 is 1."""
        asked, explorer = await _asked(request, Asked), await self._explorer()
        weights = await run_in_threadpool(explorer.attention, asked.text, asked.segment, asked.layer)
        return Response(_bytes(weights), media_type="application/octet-stream")

    async def save(self, request: Request) -> Response:
        """The page of a text, with all that it shows, as one file."""
        place, explorer = await _asked(request, Place), await self._explorer()
        content = await run_in_threadpool(_saved, explorer, place)
        return HTMLResponse(content, headers={"content-disposition": 'attachment; filename="how-the-model-works.html"'})

    async def _explorer(self) -> "Explorer":
        """Wait until the model is loaded."""
        return await asyncio.shield(asyncio.wrap_future(self._sources.explorer))


async def _watch(request: Request, left: Event) -> None:
    """Say when the page that asks has gone on to something else."""
    while not await request.is_disconnected():
        await asyncio.sleep(LOOK_S)
    left.set()


def _saved(explorer: "Explorer", asked: Place) -> str:
    model, explained = explorer.model(), explorer.explain(asked.text, asked.segment)
    numbers = model["layers"] * model["heads"] * len(explained["tokens"]) ** 2
    layers = range(model["layers"]) if numbers <= MAX_SAVED else [asked.layer]
    layers = layers if model["heads"] else []
    attention = {layer: explorer.attention(asked.text, asked.segment, layer) for layer in layers}
    few = len(explained["tokens"]) <= model["unasked"]
    source, kind = model["source"], model["source"]["kind"]
    data = {
        "place": msgspec.to_builtins(asked),
        # A file that is passed on says nothing of the folders of this machine.
        "model": model | {"source": source | {"name": source["name"] if kind == "hub" else Path(source["name"]).name}},
        "explain": explained,
        "effects": explorer.effects(asked.text, asked.segment) if few else None,
        "attention": {layer: base64.b64encode(_bytes(weights)).decode() for layer, weights in attention.items()},
    }
    made_by = "moodmill explore"
    return saved_page("How the model works", data, module="model/page.js", made_by=made_by, rooms=["model"])


def _bytes(weights: NDArray[np.uint16]) -> bytes:
    """Return the numbers, little-endian."""
    return weights.astype("<u2").tobytes()


async def _asked(request: Request, form: type[Form]) -> Form:
    """Read what is asked for. Raises MoodmillError for what is no such thing."""
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        raise MoodmillError("expected application/json")  # which no page of another host can send unasked
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_REQUEST:
            raise MoodmillError(f"expected a text of at most {MAX_REQUEST:,} bytes")
    try:
        return msgspec.json.decode(bytes(body), type=form)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MoodmillError(f'expected {{"text": …}}: {error}') from error


async def _refused(_: Request, error: Exception) -> Response:
    return _json({"error": shortened(str(error), MAX_ERROR)}, 503 if isinstance(error, StoreAwayError) else 400)


def _json(content: Mapping[str, Any], status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")
