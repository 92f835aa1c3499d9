"""`moodmill explore` as a person starts it, looks at it, and ends it."""

import json
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support import clean_environment, moodmill, moodmill_here, wait_until
from tests.web.stores import fill, in_file, talk

SECRET = "a text that nobody else is to see"


@contextmanager
def exploring(folder: Path, model: Path, *options: str, **settings: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the command: its process, and the address that it gives to the browser."""
    browser, shown = folder / "browser", folder / "shown"
    browser.write_text(f'#!/bin/sh\nprintf "%s" "$1" > {shown}\n')
    browser.chmod(0o755)
    quick = {"MOODMILL_PRECISION": "fp32", "MOODMILL_BATCH_TOKENS": "2048", "BROWSER": f"{browser} %s"}
    process = subprocess.Popen(
        [sys.executable, "-m", "moodmill.cli.main", "explore", "--port", "0", "--model", str(model), *options],
        cwd=folder,
        env=clean_environment(**quick, **settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_until(lambda: (shown.exists() and shown.read_text()) or process.poll() is not None)
        yield process, shown.read_text()
    finally:
        process.kill()
        process.communicate()


def test_one_command_opens_the_page_and_ctrl_c_ends_it(tiny_model: Path, tmp_path: Path) -> None:
    with exploring(tmp_path, tiny_model) as (process, address):
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", address)
        with urllib.request.urlopen(address) as page:  # there before the model is
            assert "Emotions" in page.read().decode()
        asked = json.dumps({"text": SECRET}).encode()
        kind = {"content-type": "application/json"}
        url = f"{address}api/explain"
        with urllib.request.urlopen(urllib.request.Request(url, asked, kind), timeout=60) as answer:
            assert len(json.load(answer)["served"]) == 27
        urllib.request.urlopen(f"{address}model?text={SECRET.replace(' ', '+')}").close()
        process.send_signal(signal.SIGINT)
        out, said = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, f"{address}   Ctrl-C ends it\n"), said
    assert "nobody" not in said
    assert "Traceback" not in said


def test_others_may_look_with_a_token_only(tiny_model: Path, tmp_path: Path) -> None:
    with exploring(tmp_path, tiny_model, "--host", "0.0.0.0") as (process, address):
        own = re.fullmatch(r"http://127\.0\.0\.1(:\d+/\?token=[\w-]{32})", address)
        assert own
        assert process.stdout
        # others know this machine by its name
        assert process.stdout.readline() == f"http://{socket.gethostname()}{own[1]}   Ctrl-C ends it\n"


def test_the_results_of_the_demo_are_shown_where_nothing_else_is_there(tiny_model: Path, tmp_path: Path) -> None:
    fill(f"sqlite:///{tmp_path}/moodmill-demo.db", talk(40))
    with exploring(tmp_path, tiny_model) as (process, address), urllib.request.urlopen(f"{address}api/store") as answer:
        assert json.load(answer)["comments"] == 40
        process.send_signal(signal.SIGINT)
        assert "these are the results of moodmill-demo.db" in process.communicate(timeout=30)[1]


def test_results_are_shown_where_nothing_is_installed_that_loads_a_model(tiny_model: Path, tmp_path: Path) -> None:
    in_file(tmp_path, talk(40))
    without = tmp_path / "without"
    without.mkdir()
    (without / "sitecustomize.py").write_text("import sys\nsys.modules['torch'] = None\n")
    with exploring(tmp_path, tiny_model, PYTHONPATH=str(without)) as (process, address):
        with urllib.request.urlopen(f"{address}api/results/overview") as answer:
            assert len(json.load(answer)["rows"]) == 27
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{address}api/model")
        assert "pip install 'moodmill[worker]'" in json.load(refused.value)["error"]
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


def test_a_model_that_fails_to_load_ends_it_with_its_error(tiny_model: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    for file in tiny_model.iterdir():
        (broken / file.name).write_bytes(file.read_bytes())
    (broken / "model.safetensors").write_bytes(b"no weights")
    done = moodmill("explore", "--port", "0", "--no-browser", "--model", broken, cwd=tmp_path)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith(f"error: cannot load the model {broken}: ")


def test_what_cannot_be_is_said_at_once(tiny_model: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = moodmill_here("explore", "--port", port, "--no-browser", "--model", tiny_model, cwd=tmp_path)
    assert done.returncode == 2
    where = f"127.0.0.1:{port}"
    assert done.stderr == f"error: cannot listen on {where}: Address already in use; name another by --port, 0 is any\n"
    missing = moodmill_here("explore", "--no-browser", "--model", "./nowhere", cwd=tmp_path)
    assert missing.returncode == 1
    assert "./nowhere, which does not exist" in missing.stderr
