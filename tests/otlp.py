"""A receiver of OpenTelemetry traces, as OTLP over HTTP."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from moodmill.worker.telemetry.tracing import ENDPOINT


@dataclass(kw_only=True)
class Receiver:
    url: str
    #: What came, each with the service that sent it.
    spans: list[tuple[str, Span]] = field(default_factory=list)

    @property
    def settings(self) -> dict[str, str]:
        """Of a process that sends its traces here, and soon."""
        return {ENDPOINT: self.url, "OTEL_BSP_SCHEDULE_DELAY": "200"}  # milliseconds


@contextmanager
def receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"])))
            for of_process in request.resource_spans:
                service = {one.key: one.value.string_value for one in of_process.resource.attributes}["service.name"]
                received.spans.extend((service, span) for scope in of_process.scope_spans for span in scope.spans)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        received = Receiver(url=f"http://127.0.0.1:{server.server_port}")
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield received
        finally:
            server.shutdown()
            thread.join()
