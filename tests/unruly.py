"""A proxy before an S3 server that refuses, breaks off and loses answers, as networks and busy storages do."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Literal
from urllib.parse import urlsplit

#: `refuse`: a status in place of an answer; `break`: the connection ends before the request is whole, of which a part
#: has gone to the server; `lose`: the server has done it, and nobody hears of it.
Fault = Literal["500", "503", "break", "lose"]
_ERROR = "<?xml version='1.0'?><Error><Code>{}</Code><Message>{}</Message></Error>"
_SLOW_DOWN = _ERROR.format("SlowDown", "Please reduce your request rate.").encode()
_INTERNAL = _ERROR.format("InternalError", "We encountered an internal error.").encode()


@dataclass
class Unruly:
    """What happens to requests of a method."""

    url: str = ""
    method: str = ""
    fault: Fault = "500"
    #: To how many more of them.
    times: int = 0
    met: int = 0
    lock: Lock = field(default_factory=Lock)

    def do(self, method: str, fault: Fault, times: int) -> None:
        """Have this happen to the next requests of a method."""
        self.method, self.fault, self.times, self.met = method, fault, times, 0

    def strikes(self, method: str) -> bool:
        with self.lock:
            if method != self.method or not self.times:
                return False
            self.times -= 1
            self.met += 1
            return True


@contextmanager
def unruly_proxy(server_url: str) -> Iterator[Unruly]:
    """Pass requests on to a server, but for those that something is to happen to."""
    unruly = Unruly()
    server = urlsplit(server_url).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass(self) -> None:
            body = self._body()
            strikes = unruly.strikes(self.command)
            if strikes and unruly.fault in ("500", "503"):
                self._send(int(unruly.fault), {}, _SLOW_DOWN if unruly.fault == "503" else _INTERNAL)
                return
            if strikes and unruly.fault == "break":
                with _connected(server) as upstream:
                    upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                    for name, value in self.headers.items():
                        upstream.putheader(name, value)
                    upstream.endheaders(body[: len(body) // 2])
                self._hang_up()
                return
            with _connected(server) as upstream:
                # The Host as it came: it is part of what is signed.
                upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
                for name, value in self.headers.items():
                    if name.lower() != "transfer-encoding":
                        upstream.putheader(name, value)
                upstream.endheaders(body)
                answer = upstream.getresponse()
                content = answer.read()
            if strikes:
                self._hang_up()
                return
            self._send(answer.status, dict(answer.getheaders()), content)

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)

        def _send(self, status: int, headers: dict[str, str], content: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                if name.lower() not in ("transfer-encoding", "connection", "date", "server", "content-length"):
                    self.send_header(name, value)
            length = str(len(content)) if self.command != "HEAD" else headers.get("Content-Length", "0")
            self.send_header("Content-Length", length)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def _hang_up(self) -> None:
            self.close_connection = True
            self.connection.close()

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass  # noqa: N815 - as http.server calls them

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as proxy:
        proxy.daemon_threads = True
        thread = Thread(target=proxy.serve_forever, daemon=True)
        thread.start()
        unruly.url = f"http://127.0.0.1:{proxy.server_port}"
        try:
            yield unruly
        finally:
            proxy.shutdown()
            thread.join(10)


@contextmanager
def _connected(server: str) -> Iterator[HTTPConnection]:
    upstream = HTTPConnection(server, timeout=30)
    try:
        yield upstream
    finally:
        upstream.close()
