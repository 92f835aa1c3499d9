"""Storage that is reached over HTTP: a real S3 server, and a web server that breaks connections."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

from tests.support import free_ports, wait_until

KEY, SECRET = "a-key", "a-secret-that-nobody-sees"
#: What the parts of a server listen at.
PORTS = (
    *(f"{part}.port" for part in ("master", "volume", "filer", "s3")),
    *(f"{part}.port.grpc" for part in ("master", "volume", "filer", "s3")),
    *("s3.port.iceberg", "s3.port.lance"),
)
#: The one bucket: each takes room of its own from the server.
BUCKET = "tests"
CONFIG = (
    f'{{"identities": [{{"name": "tests", "credentials": [{{"accessKey": "{KEY}", "secretKey": "{SECRET}"}}],'
    ' "actions": ["Admin", "Read", "Write", "List"]}]}'
)


@contextmanager
def s3_server() -> Iterator[Mapping[str, str]]:
    """Run a SeaweedFS that speaks S3: the settings by which it is reached, as AWS's own tools take them."""
    program = shutil.which("weed", path=str(Path(sys.executable).parent)) or "weed"
    with tempfile.TemporaryDirectory(prefix="moodmill-s3-") as folder, Path(folder, "log").open("wb") as log:
        Path(folder, "s3.json").write_text(CONFIG)
        ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        options = [
            f"-dir={folder}",
            f"-s3.config={folder}/s3.json",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            "-s3",
            "-master.telemetry=false",
        ]
        options += [f"-{name}={number}" for name, number in ports.items()]
        process = subprocess.Popen([program, "server", *options], stdout=log, stderr=log, cwd=folder)
        settings = {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{ports['s3.port']}",
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        try:
            wait_until(lambda: _answers(settings) or process.poll() is not None)
            assert process.poll() is None, Path(folder, "log").read_text()
            yield settings
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def filesystem(settings: Mapping[str, str]) -> Any:
    """Return fsspec's view of an S3 server."""
    import s3fs

    return s3fs.S3FileSystem(
        key=settings["AWS_ACCESS_KEY_ID"],
        secret=settings["AWS_SECRET_ACCESS_KEY"],
        endpoint_url=settings["AWS_ENDPOINT_URL"],
        skip_instance_cache=True,
    )


def _answers(settings: Mapping[str, str]) -> bool:
    """Tell whether a server takes objects by now."""
    try:
        urlopen(settings["AWS_ENDPOINT_URL"], timeout=5)
    except HTTPError:  # who we are, it was not told
        from botocore.exceptions import BotoCoreError

        with suppress(OSError, BotoCoreError):
            fs = filesystem(settings)
            if not fs.exists(BUCKET):
                fs.mkdir(BUCKET)
            fs.pipe_file(f"{BUCKET}/ready", b"x")
            return True
    except OSError:
        pass
    return False


def forget_filesystems() -> None:
    """Have what fsspec keeps of storages forgotten: of one with other settings, it would know those of before."""
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()


@dataclass
class Bucket:
    """A bucket, or what begins with a prefix in it."""

    fs: Any
    name: str

    def put(self, key: str, content: bytes) -> str:
        """Store an object: its URL."""
        self.fs.pipe_file(f"{self.name}/{key}", content)
        return self.url(key)

    def url(self, key: str) -> str:
        return f"s3://{self.name}/{key}"


@dataclass
class Web:
    """A web server's files, by name, and what it does instead of handing them out."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    #: How many more answers with content break off after so many bytes.
    breaks: int = 0
    after: int = 0
    #: How many more requests of content are refused by a status.
    refuses: int = 0
    status: int = 503
    #: The ranges that were asked for.
    asked: list[str] = field(default_factory=list)
    mark: str = '"1"'
    #: Whether it names the files' marks.
    has_marks: bool = True


@contextmanager
def web_server(**files: bytes) -> Iterator[Web]:
    """Serve files, by their names with _ for the dot, whole and in ranges."""
    web = Web(files={name.replace("_", "."): content for name, content in files.items()})

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer(with_content=False)

        def do_GET(self) -> None:
            self._answer(with_content=True)

        def _answer(self, *, with_content: bool) -> None:
            content = web.files.get(self.path.partition("?")[0].lstrip("/"))
            if content is None or (with_content and web.refuses):
                web.refuses -= content is not None
                self.send_response(404 if content is None else web.status)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            given, wanted = self.headers.get("Range"), content
            if given and with_content:
                web.asked.append(given)
                first, _, last = given.removeprefix("bytes=").partition("-")
                start, stop = int(first), min(int(last or len(content) - 1), len(content) - 1)
                wanted = content[start : stop + 1]
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{stop}/{len(content)}")
            else:
                self.send_response(200)
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("Content-Length", str(len(wanted)))
            if web.has_marks:
                self.send_header("ETag", web.mark)
            self.end_headers()
            if with_content and web.breaks:
                web.breaks -= 1
                self.wfile.write(wanted[: web.after])
                self.close_connection = True
            elif with_content:
                self.wfile.write(wanted)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        web.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield web
        finally:
            server.shutdown()
            thread.join(10)
