"""A tracer whose spans a test can read."""

from collections.abc import Sequence
from typing import Any

import pytest

pytest.importorskip("opentelemetry.sdk.trace", reason="needs the package opentelemetry-sdk, of the extra otel")
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from disputatio.telemetry import OpenTelemetry


class Seen:
    """A tracer whose spans are kept in memory."""

    def __init__(self, **options: Any) -> None:
        self._kept = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self._kept))
        self.tracer = OpenTelemetry(provider, **options)

    @property
    def spans(self) -> list[ReadableSpan]:
        """In the order in which they began."""
        return sorted(self._kept.get_finished_spans(), key=lambda span: span.start_time or 0)

    def named(self, start: str) -> list[ReadableSpan]:
        return [span for span in self.spans if span.name.startswith(start)]

    def path(self, span: ReadableSpan) -> tuple[str, ...]:
        """The names from the root to a span."""
        by_id = {one.context.span_id: one for one in self.spans}
        above = self.path(by_id[span.parent.span_id]) if span.parent else ()
        return (*above, span.name)

    @property
    def text(self) -> str:
        """All that would be sent."""
        return "\n".join(span.to_json() for span in self.spans)


def of(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def total(spans: Sequence[ReadableSpan], name: str) -> int:
    return sum(of(span)[name] for span in spans)
