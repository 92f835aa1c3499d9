"""The answers under /api: what the worker says, to those who may ask."""

import json
import urllib.error
import urllib.request
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moodmill.classifier import EmotionClassifier
from moodmill.db.core.emotions import EMOTIONS
from moodmill.web.explorer import ATTENTION_UNIT, Explorer
from moodmill.worker.inference.explanation import UnwantedError
from moodmill.worker.inference.repository import BUNDLED
from tests.web.conftest import application_of, served
from tests.worker.builders import plain_probabilities, settings_for

NOWHERE = "sqlite:///nowhere.db"
TEXTS = ("I am so happy today!", "", "thanks 😂", "مرحبا بالعالم", "ok. " * 200)
_JSON = {"content-type": "application/json"}


def ask(address: str, path: str, asked: Any = None, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    data = None if asked is None else asked if isinstance(asked, bytes) else json.dumps(asked).encode()
    request = urllib.request.Request(
        f"{address}{path}", data, _JSON | (headers or {}) if data is not None else headers or {}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def answer(address: str, path: str, asked: Any = None) -> Any:
    status, body = ask(address, path, asked)
    assert status == 200, body
    return json.loads(body)


def test_probabilities_are_the_workers_and_logits_the_sums_of_products(bundled: str) -> None:
    model = answer(bundled, "/api/model")
    wanted = plain_probabilities(BUNDLED, TEXTS, segment=48)
    for text, row in zip(TEXTS[:-1], wanted, strict=False):
        explained = answer(bundled, "/api/explain", {"text": text})
        np.testing.assert_allclose(explained["probabilities"], row, atol=1e-3, rtol=0)
        np.testing.assert_allclose(explained["served"], row, atol=1e-3, rtol=0)
        for emotion, logit in zip(model["emotions"], explained["logits"], strict=True):
            total = np.dot(emotion["weights"], explained["vector"]) + emotion["bias"]
            assert total == pytest.approx(logit, abs=1e-3)


def test_a_long_text_says_which_segment_gives_what(bundled: str) -> None:
    text = "Thank you so much for the gift. " * 12 + "I am terrified of spiders."
    whole = answer(bundled, "/api/explain", {"text": text})
    count = len(whole["segments"])
    assert count > 1
    last = answer(bundled, "/api/explain", {"text": text, "segment": count - 1})
    fear = EMOTIONS.index("fear")
    assert last["segments"][-1]["probabilities"][fear] > 0.5 > last["segments"][0]["probabilities"][fear]
    assert "spiders" in [token["text"] for token in last["tokens"]]


def test_effects_and_attention_are_of_each_token(bundled: str) -> None:
    text = "thanks for the awful food!"
    tokens = answer(bundled, "/api/explain", {"text": text})["tokens"]
    effects = answer(bundled, "/api/effects", {"text": text})["effects"]
    assert [row is None for row in effects] == [token["special"] for token in tokens]
    assert effects[1][EMOTIONS.index("gratitude")] > 0.5
    status, body = ask(bundled, "/api/attention", {"text": text, "layer": 5})
    weights = np.frombuffer(body, dtype="<u2").reshape(12, len(tokens), len(tokens))
    assert status == 200
    np.testing.assert_allclose(weights.sum(axis=2) / ATTENTION_UNIT, 1, atol=1e-3)


@pytest.mark.parametrize(
    ("path", "asked", "said"),
    [
        ("/api/explain", {"text": 3}, "expected {"),
        ("/api/explain", {"words": ""}, "expected {"),
        ("/api/explain", b"\xff", "expected {"),
        ("/api/explain", b'{"text": "\\ud800"}', "expected {"),
        ("/api/explain", {"text": "a", "segment": 1}, "segment 1 is not there: expected 0 to 0"),
        ("/api/attention", {"text": "a", "layer": -1}, "layer -1 is not there: expected 0 to 5"),
        ("/api/explain", {"text": "a" * 3_000_000}, "expected a text of at most"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line(bundled: str, path: str, asked: Any, said: str) -> None:
    status, body = ask(bundled, path, asked)
    assert status == 400
    assert said in json.loads(body)["error"]


def test_the_name_of_a_host_is_read_as_the_net_has_it(bundled: str) -> None:
    for name in ("LOCALHOST", "localhost.", "[::1]:80"):
        assert ask(bundled, "/static/style.css", headers={"host": name})[0] == 200


def test_what_nobody_waits_for_is_not_computed(tiny_model: Path) -> None:
    with EmotionClassifier(settings_for(tiny_model)) as classifier:
        explorer = Explorer(classifier)
        with pytest.raises(UnwantedError):
            explorer.effects("i love this", is_wanted=lambda: False)
        assert explorer.effects("i love this")[2] is not None
        explorer.end()
        with pytest.raises(UnwantedError):
            explorer.effects("i hate this")


def test_other_hosts_and_other_sites_pages_are_refused(bundled: str) -> None:
    assert ask(bundled, "/api/model", headers={"host": "attacker.example"})[0] == 421
    crossing = {"sec-fetch-site": "cross-site"}
    assert ask(bundled, "/api/explain", {"text": "a"}, headers=crossing)[0] == 403
    plain = {"content-type": "text/plain"}
    assert ask(bundled, "/api/explain", {"text": "a"}, headers=plain)[0] == 400


def test_pages_may_load_nothing_from_elsewhere(bundled: str) -> None:
    with urllib.request.urlopen(f"{bundled}/model") as page:
        policy = page.headers["content-security-policy"]
        assert page.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


def test_an_address_with_a_long_text_is_answered(bundled: str) -> None:
    connection = HTTPConnection(bundled.removeprefix("http://"))
    connection.request("GET", "/model?text=" + "a" * 300_000)
    assert connection.getresponse().status == 200
    connection.close()


def test_a_token_is_asked_of_everybody_and_kept_in_a_cookie() -> None:
    with served(application_of(NOWHERE, hosts=None, token="secret")) as address:
        assert ask(address, "/model")[0] == 401
        assert ask(address, "/model?token=other")[0] == 401
        assert ask(address, "/static/style.css")[0] == 401
        connection = HTTPConnection(address.removeprefix("http://"))
        connection.request("GET", "/model?token=secret&text=hi")
        first = connection.getresponse()
        first.read()
        assert (first.status, first.headers["location"]) == (303, "/model?text=hi")
        cookie = first.headers["set-cookie"]
        assert "httponly" in cookie.lower()
        assert "samesite=lax" in cookie.lower()  # the address may stand in a mail
        # browsers send what other programs of this host have set, too
        for others in ("", 'pref={"a":1}; ', "a b=1; ", "a/b=1; "):
            connection.request("GET", "/model?text=hi", headers={"cookie": others + cookie.partition(";")[0]})
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200
        connection.close()


def test_a_store_that_is_not_there_is_said() -> None:
    with served(application_of(NOWHERE)) as address:
        for path in ("/api/runs", "/api/store", "/api/results/overview"):
            status, body = ask(address, path)
            said = json.loads(body)["error"]
            assert status == 400
            assert said.endswith("nowhere.db: `moodmill label` makes one, DATABASE_URL names another")


def test_an_application_can_be_mounted_by_others() -> None:
    from starlette.applications import Starlette
    from starlette.routing import Mount

    inner = application_of(NOWHERE, prefix="/moods")
    with served(Starlette(routes=[Mount("/moods", inner)])) as address:
        page = ask(address, "/moods/model")[1].decode()
        assert 'src="/moods/static/model/page.js"' in page
        assert ask(address, "/moods/static/model/page.js")[0] == 200


def test_scripts_and_styles_are_small() -> None:
    from moodmill.web.pages import STATIC

    sizes = {path.name: path.stat().st_size for path in STATIC.rglob("*") if path.is_file()}
    assert sum(sizes.values()) < 300_000
