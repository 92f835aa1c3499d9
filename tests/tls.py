"""TLS before a server that has none of its own."""

import asyncio
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final

import trustme

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]

#: Bytes that go through at once.
PIECE: Final = 1 << 16


@contextmanager
def tls_before(connect: Callable[[], Awaitable[Streams]], authority: trustme.CA) -> Iterator[int]:
    """Yield a port of localhost whose connections are `connect`'s, behind a certificate for that name."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    context.set_alpn_protocols(["postgresql"])  # which libpq wants to hear; others do not ask
    loop = asyncio.new_event_loop()
    running = threading.Thread(target=loop.run_forever)
    running.start()

    async def hand_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await connect()
        ways = [asyncio.create_task(_copy(reader, to_server)), asyncio.create_task(_copy(from_server, writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            for one in (writer, to_server):
                one.transport.abort()

    async def close() -> None:
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for one in others:
            one.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0)  # transports close at the loop's next turn

    server = asyncio.run_coroutine_threadsafe(asyncio.start_server(hand_on, "localhost", 0, ssl=context), loop).result(
        10
    )
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        asyncio.run_coroutine_threadsafe(close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        running.join()
        loop.close()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while piece := await source.read(PIECE):
        target.write(piece)
        await target.drain()
