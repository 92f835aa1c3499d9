"""Traces: off unless somebody wants them, and told when they cannot be had."""

import subprocess
import sys
from pathlib import Path

import pytest

from moodmill.worker.telemetry.tracing import ENDPOINT, carried, chunk_span, part_span, traced
from tests.otlp import receiver
from tests.support import clean_environment, moodmill_here, write_dump


def test_without_a_receiver_nothing_is_imported_carried_or_made() -> None:
    program = (  # the client of Redis imports some of OpenTelemetry by itself
        "import sys, worker\nbefore = set(sys.modules)\n"
        "from moodmill.worker.telemetry.tracing import carried, chunk_span, part_span, traced\n"
        "with traced('x'), chunk_span('send'), part_span('write'): assert carried() == {}\n"
        "assert not [name for name in set(sys.modules) - before if 'opentelemetry' in name]"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env=clean_environment())


def test_a_receiver_that_is_named_without_what_sends_traces_is_an_error_of_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)  # as where it is not installed
    dump = write_dump(tmp_path / "RC_x", ["text"])
    refused = moodmill_here("label", dump, cwd=tmp_path, settings={ENDPOINT: "http://localhost:4318"})
    assert refused.returncode == 2
    said = f"{ENDPOINT} is set, and this install sends no traces: pip install 'moodmill[traces]', or unset it"
    assert refused.stderr == f"error: {said}\n"


@pytest.mark.parametrize("broken", ["", "nonsense", f"00-{'0' * 32}-{'0' * 16}-01", 7, None, ["a"]])
def test_headers_that_carry_no_trace_begin_a_new_one(broken: object, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver() as received:
        for name, value in received.settings.items():
            monkeypatch.setenv(name, value)
        with traced("test"), chunk_span("process", {"traceparent": broken, "other": "x"}, chunk=1):
            trace = carried()["traceparent"].split("-")[1]
        [(service, span)] = received.spans
    assert (service, span.name, span.parent_span_id, span.trace_id) == ("test", "process", b"", bytes.fromhex(trace))


def test_what_is_done_for_no_chunk_is_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver() as received:
        for name, value in received.settings.items():
            monkeypatch.setenv(name, value)
        with traced("test"), part_span("tokenize"):
            assert carried() == {}
        assert received.spans == []
