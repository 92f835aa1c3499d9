"""OpenTelemetry traces: a chunk's way through producer and worker, for whomever OTEL_EXPORTER_OTLP_ENDPOINT names.

Without that nothing of OpenTelemetry is imported here, and a span is nothing. Its other variables, OTEL_SERVICE_NAME
among them, mean what they mean everywhere.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from moodmill.db.core.errors import SettingError

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

#: Who wants the traces: the URL of an OTLP/HTTP receiver.
ENDPOINT: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
#: The message headers that carry a trace from producer to worker, as the W3C names them.
HEADERS: Final = ("traceparent", "tracestate")
NO_HEADERS: Final[Mapping[str, object]] = MappingProxyType({})
_NOTHING: Final = nullcontext()

_tracer: "Tracer | None" = None


@contextmanager
def traced(service: str) -> Iterator[None]:
    """Send this process's spans as long as the context lasts, if somebody wants them.

    Raises SettingError when they are wanted and this install brings no OpenTelemetry.
    """
    global _tracer  # noqa: PLW0603 - one process, one tracer
    if not os.environ.get(ENDPOINT):
        yield
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise SettingError(
            f"{ENDPOINT} is set, and this install sends no traces: pip install 'moodmill[traces]', or unset it"
        ) from error
    name = os.environ.get("OTEL_SERVICE_NAME") or service
    provider = TracerProvider(resource=Resource.create({"service.name": name}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    _tracer = provider.get_tracer("moodmill")
    try:
        yield
    finally:
        _tracer = None
        provider.shutdown()


def chunk_span(
    name: str, headers: Mapping[str, object] = NO_HEADERS, **attributes: str | int
) -> AbstractContextManager[object]:
    """Return what a process does with a chunk, in the trace that its message's headers carry.

    Headers that carry none begin one, whatever they are.
    """
    if _tracer is None:
        return _NOTHING
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    sound = {header: value for header, value in headers.items() if header in HEADERS and isinstance(value, str)}
    ours = {f"moodmill.{attribute}": value for attribute, value in attributes.items()}
    context = TraceContextTextMapPropagator().extract(sound)
    return _tracer.start_as_current_span(name, context=context, attributes=ours)


def part_span(name: str) -> AbstractContextManager[object]:
    """Return a part of what this thread does with a chunk; nothing where it does that with none."""
    if _tracer is None:
        return _NOTHING
    from opentelemetry.trace import get_current_span

    return _tracer.start_as_current_span(name) if get_current_span().get_span_context().is_valid else _NOTHING


def carried() -> dict[str, str]:
    """Return the message headers by which a worker goes on with the trace that this thread is in."""
    headers: dict[str, str] = {}
    if _tracer is not None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        TraceContextTextMapPropagator().inject(headers)
    return headers
