"""What tests of several folders share."""

import io
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from zlib import crc32

import pytest
import redis
from sqlalchemy import create_engine, make_url, text

from moodmill.db.core.emotions import EMOTIONS

ROOT = Path(__file__).resolve().parents[1]
#: Where tests keep compiled models: not where those of whoever runs them are.
CACHE = Path(tempfile.gettempdir()) / f"moodmill-tests-{os.getuid()}"
#: Settings that a machine's own environment must not lend to a test.
SETTINGS = ("DATABASE_URL", "REDIS_URL", "HF_MODEL_REPO", "HF_MODEL_REVISION", "HF_HUB_CACHE")


def wait_until(predicate: Callable[[], Any], timeout: float = 60.0) -> None:
    """Return once `predicate` is true; fail after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not predicate():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout:.0f} s for {predicate.__name__}")
        time.sleep(0.05)


def program(name: str) -> str:
    """Return where a program of the system is; without it a test is skipped, but in continuous integration it fails."""
    found = shutil.which(name)
    if found is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"the program {name} is not installed")
    return found


def clean_environment(**settings: str) -> dict[str, str]:
    """Return this process's environment without moodmill's settings, but with these.

    Numbers are compared, so they are the same on every machine; what is fastest on this one is not measured each time.
    Processes run the code of this checkout, wherever they are started, and what a PYTHONPATH among the settings names.
    """
    paths = [settings.get("PYTHONPATH"), str(ROOT)]
    kept = {name: value for name, value in os.environ.items() if name not in SETTINGS and "MOODMILL_" not in name}
    same = {"HF_HUB_OFFLINE": "1", "COLUMNS": "200", "MOODMILL_PRECISION": "fp32", "MOODMILL_BATCH_TOKENS": "2048"}
    same["MOODMILL_CACHE"] = str(CACHE)
    return {**kept, **same, **settings, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def database_of(redis_url: str, number: int) -> str:
    """Another database of the same server, 0 to 3: workers of other tests do not take what is sent there.

    Of four tests that run side by side on one server of 16 databases each has four of its own.
    """
    side = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) if os.environ.get("REDIS_URL") else 0
    if side > 3:
        pytest.fail("REDIS_URL names a server: no more than four tests can run at once, by `--numprocesses 4`")
    return urlunsplit(urlsplit(redis_url)._replace(path=f"/{4 * side + number}"))


def free_ports(count: int) -> list[int]:
    """Return TCP ports of this machine, each another one, that nobody listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


def free_port(following: int = 0) -> int:
    """Return a TCP port of this machine that nobody listens on, nor on so many that follow it."""
    while True:
        with ExitStack() as stack:
            first = stack.enter_context(socket.socket())
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                for number in range(1, following + 1):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", port + number))
            except (OSError, OverflowError):  # taken, or none
                continue
            return port


def forget(client: redis.Redis) -> None:
    """Delete what moodmill wrote, and nothing else: the server may be somebody's own."""
    for key in client.scan_iter("moodmill:*"):
        client.delete(key)


@contextmanager
def away(postgres_url: str) -> Iterator[Callable[[], None]]:
    """Shut a PostgreSQL database and throw everybody out; yield what opens it again."""
    url = make_url(postgres_url)
    admin = create_engine(url.set(drivername="postgresql+psycopg", database="postgres"), isolation_level="AUTOCOMMIT")

    def allow(allowed: bool) -> None:
        with admin.connect() as connection:
            connection.execute(text(f"alter database {url.database} allow_connections {str(allowed).lower()}"))
            if not allowed:
                throw_out = "select pg_terminate_backend(pid) from pg_stat_activity where datname = :name"
                connection.execute(text(throw_out), {"name": url.database})

    allow(False)
    try:
        yield lambda: allow(True)
    finally:
        allow(True)
        admin.dispose()


def moodmill(
    *arguments: str | Path, cwd: Path, settings: Mapping[str, str] | None = None, stdin: bytes | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command line as a process and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "moodmill.cli.main", *map(str, arguments)],
        cwd=cwd,
        env=clean_environment(**(settings or {})),
        input=stdin or b"",
        capture_output=True,
        timeout=300,
        check=False,
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def moodmill_here(
    *arguments: str | Path, cwd: Path, settings: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command line as `moodmill` does, but in this process: seconds of imports are saved."""
    from moodmill.cli.main import main

    said, told = io.StringIO(), io.StringIO()
    before = dict(os.environ), sys.argv, Path.cwd()
    try:
        os.environ.clear()
        os.environ.update(clean_environment(**(settings or {})))
        sys.argv = ["moodmill", *map(str, arguments)]
        os.chdir(cwd)
        with redirect_stdout(told), redirect_stderr(said):
            main()
        status = 0
    except SystemExit as stopped:
        status = int(stopped.code or 0)
    finally:
        os.environ.clear()
        os.environ.update(before[0])
        sys.argv = before[1]
        os.chdir(before[2])
    return subprocess.CompletedProcess(list(arguments), status, told.getvalue(), said.getvalue())


def write_dump(path: Path, texts: Sequence[str], **fields: Any) -> Path:
    """Write an NDJSON dump of Reddit comments c0, c1, … of 2024-03-01 with these texts.

    A comment's second is its text's: tests that share a store, in any order, do not find another text under its id
    and time, which would have no row.
    """
    common = {"subreddit": "test", "author": "a"} | fields
    seconds = [1_709_251_200 + crc32(text.encode(errors="surrogatepass")) % 86_400 for text in texts]
    lines = [
        json.dumps({"id": f"c{n}", "body": text, "created_utc": second} | common)
        for n, (text, second) in enumerate(zip(texts, seconds, strict=True))
    ]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def make_model(folder: Path, labels: Sequence[str] = EMOTIONS, **config: Any) -> Path:
    """Write a small BERT classifier with random weights and a WordPiece vocabulary of letters and a few words."""
    import torch
    from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
    from tokenizers.models import WordPiece
    from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

    letters = "abcdefghijklmnopqrstuvwxyz0123456789.,!?'"
    words = ["i", "love", "hate", "this", "so", "much", "thanks", "the", "a", "of"]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{one}" for one in letters), *words[1:7]]
    vocabulary = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    backend = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
    backend.normalizer = normalizers.BertNormalizer()
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=backend,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=512,
    )
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    given = sizes | {"initializer_range": 0.5} | config
    model = BertForSequenceClassification(
        BertConfig(vocab_size=len(vocabulary), id2label=dict(enumerate(labels)), **given)
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
