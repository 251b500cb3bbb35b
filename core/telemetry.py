"""Telemetry: a run as OpenTelemetry spans, by the semantic conventions for generative AI (in development, 2026).

One span a run (`invoke_workflow`), in it one for each turn of an agent (`invoke_agent`), in that one for each model
call (`chat`), with an event for each retry, and for each use of a tool (`execute_tool`). Attributes that the
conventions do not have begin with `disputatio.`. What is said is left out unless it is asked for; secrets always are.
"""

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import disputatio
from disputatio.context import Retried, Spoken
from disputatio.errors import BudgetExceededError, ConfigurationError, ModelError, require
from disputatio.model import Message, Model, Reply, Request
from disputatio.question import Question
from disputatio.recording import Trace
from disputatio.redaction import redactor
from disputatio.result import Result
from disputatio.tracing import Fact, Tell, Tracer

if TYPE_CHECKING:
    from opentelemetry.trace import Span, TracerProvider

    from disputatio.strategies import Strategy

ASKS = "DISPUTATIO_TRACE"
ASKS_FOR_CONTENT = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
_WORDS = {"": False, "0": False, "false": False, "no": False, "off": False, "no_content": False, "event_only": False}
_WORDS |= {"1": True, "true": True, "yes": True, "on": True, "span_only": True, "span_and_event": True}
IN_PROCESS = ("hf", "vllm-engine", "scripted", "sim", "recorded")
"""Providers whose calls leave the process for no server."""


def from_environment() -> Tracer | None:
    """The tracer that the environment variable DISPUTATIO_TRACE asks for by 1; none without it.

    Raises:
        ConfigurationError: If its value cannot be understood.
        MissingExtraError: If the extra `otel` is not installed.
    """
    return OpenTelemetry() if _is_set(ASKS) else None


def _is_set(variable: str) -> bool:
    value = os.environ.get(variable, "").strip().lower()
    if value not in _WORDS:
        raise ConfigurationError(f"{variable} is 1 or 0, not {value!r}")
    return _WORDS[value]


class OpenTelemetry:
    """Writes runs as spans; hand it to `solve` or to a `Context` as its `tracer`.

    Args:
        provider: Where spans go. None is the provider that the application has set for all; where it has set none,
            one that sends as the standard variables say: OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_HEADERS and
            their like, or OTEL_TRACES_EXPORTER=console for standard error.
        content: Whether prompts, replies, and arguments and results of tools are written, too. None asks the standard
            variable OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT.
        secrets: Secrets to take out besides those that are found by themselves; see `redactor`.

    Raises:
        MissingExtraError: If the extra `otel` is not installed.
    """

    def __init__(
        self, provider: "TracerProvider | None" = None, *, content: bool | None = None, secrets: Iterable[str] = ()
    ) -> None:
        self._api = require("opentelemetry.trace", extra="otel")
        self._tracer = (provider or _provider()).get_tracer("disputatio", disputatio.__version__)
        self._content = _is_set(ASKS_FOR_CONTENT) if content is None else content
        self._redact = redactor(secrets)

    @contextmanager
    def run(self, question: Question, strategy: "Strategy[...]") -> Iterator[Tell]:
        """See `Tracer.run`."""
        asked = _said("user", str(question))
        with self._span("invoke_workflow", strategy.name, {"gen_ai.workflow.name": strategy.name}) as span:
            self._write(span, {"gen_ai.input.messages": [asked]})

            def tell(fact: Fact) -> None:
                if isinstance(fact, Result):
                    self._set(span, {f"disputatio.{name}": value for name, value in _outcome(fact).items()})
                    self._write(span, {"gen_ai.output.messages": [_said("assistant", fact.answer.text)]})

            yield tell

    @contextmanager
    def turn(self, author: str, role: str, *, round: int, scope: str) -> Iterator[Tell]:
        """See `Tracer.turn`."""
        attributes = {
            "gen_ai.agent.name": author,
            "gen_ai.provider.name": "disputatio",
            "disputatio.role": role,
            "disputatio.round": round,
            "disputatio.scope": scope or None,
        }
        with self._span("invoke_agent", author, attributes):
            yield lambda fact: None

    @contextmanager
    def call(self, model: Model, request: Request, *, streamed: bool) -> Iterator[Tell]:
        """See `Tracer.call`."""
        asked = _asked(model, request, streamed=streamed)
        kind = "INTERNAL" if asked["gen_ai.provider.name"] in IN_PROCESS else "CLIENT"
        began = time.monotonic()
        with self._span("chat", str(asked["gen_ai.request.model"]), asked, kind=kind) as span:
            self._write(span, {"gen_ai.input.messages": [_message(one) for one in request.messages]})

            def tell(fact: Fact) -> None:
                match fact:
                    case Trace():
                        self._set(span, _spent(fact))
                    case Spoken():
                        span.set_attribute("gen_ai.response.time_to_first_chunk", time.monotonic() - began)
                    case Retried():
                        why: dict[str, str | float] = {"error.type": fact.fault, "disputatio.delay": fact.seconds}
                        span.add_event("disputatio.retry", why)
                    case Reply():
                        span.set_attribute("gen_ai.response.finish_reasons", [fact.finish_reason])
                        self._write(span, {"gen_ai.output.messages": _replied(fact)})

            yield tell

    @contextmanager
    def tool(self, name: str, description: str, arguments: Mapping[str, Any]) -> Iterator[Tell]:
        """See `Tracer.tool`."""
        attributes = {
            "gen_ai.tool.name": name,
            "gen_ai.tool.type": "function",
            "gen_ai.tool.description": description,
        }
        with self._span("execute_tool", name, attributes) as span:
            self._write(span, {"gen_ai.tool.call.arguments": arguments})
            yield lambda fact: self._write(span, {"gen_ai.tool.call.result": fact})

    @contextmanager
    def _span(
        self, operation: str, name: str, attributes: Mapping[str, Any], *, kind: str = "INTERNAL"
    ) -> Iterator["Span"]:
        named = {"gen_ai.operation.name": operation, **attributes}
        with self._tracer.start_as_current_span(
            self._safe(f"{operation} {name}"),
            kind=self._api.SpanKind[kind],
            attributes=self._clean(named),
            record_exception=False,  # its message can hold what was said
            set_status_on_exception=False,
        ) as span:
            try:
                yield span
            except BaseException as error:
                span.set_attribute("error.type", _kind_of(error))
                words = self._safe(str(error)) if self._content else None
                span.set_status(self._api.StatusCode.ERROR, words)
                raise

    def _write(self, span: "Span", content: Mapping[str, Any]) -> None:
        """Write what was said, as JSON, where that is asked for; secrets are found in the text before it is JSON."""
        if self._content:
            for name, value in content.items():
                clean = self._redact(value)
                as_json = clean if isinstance(clean, str) else json.dumps(clean, ensure_ascii=False, default=str)
                span.set_attribute(name, _encodable(as_json))

    def _set(self, span: "Span", attributes: Mapping[str, Any]) -> None:
        span.set_attributes(self._clean(attributes))

    def _clean(self, attributes: Mapping[str, Any]) -> dict[str, Any]:
        """Attributes without those that are not known, and without secrets."""
        return {name: self._safe(value) for name, value in attributes.items() if value is not None}

    def _safe(self, value: Any) -> Any:
        clean = self._redact(value)
        return _encodable(clean) if isinstance(clean, str) else clean


def _asked(model: Model, request: Request, *, streamed: bool) -> dict[str, Any]:
    provider, _, rest = model.name.partition(":")
    return {
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": getattr(model, "model", "") or rest or provider,
        **_address(getattr(model, "base_url", "")),
        "gen_ai.request.max_tokens": request.max_tokens,
        "gen_ai.request.temperature": request.temperature,
        "gen_ai.request.seed": request.seed,
        "gen_ai.request.choice.count": request.n if request.n > 1 else None,
        "gen_ai.request.stop_sequences": request.stop or None,
        "gen_ai.request.stream": streamed or None,
        "gen_ai.output.type": "text" if request.schema is None else "json",
    }


def _address(url: str) -> dict[str, Any]:
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:  # no address: the call will say so
        return {}
    return {"server.address": parts.hostname, "server.port": port} if parts.hostname else {}


def _encodable(text: str) -> str:
    """Text without halves of surrogate pairs, for which a whole batch of spans would be thrown away."""
    return text.encode("utf-8", "replace").decode()


def _spent(trace: Trace) -> dict[str, Any]:
    usage = trace.usage
    return {
        "gen_ai.usage.input_tokens": usage.prompt_tokens,
        "gen_ai.usage.output_tokens": usage.completion_tokens,
        "gen_ai.usage.cache_read.input_tokens": usage.cached_tokens,
        "disputatio.attempts": trace.attempts,
        "disputatio.calls": usage.calls,
        "disputatio.estimated": usage.estimated or None,
        "disputatio.cost": None if usage.unpriced else usage.cost,
    }


def _outcome(result: Result) -> dict[str, Any]:
    return {
        "run_id": result.run_id,
        "stop_reason": result.stop_reason,
        "abstained": result.answer.abstained,
        "thoughts": len(result.thoughts),
        "calls": result.usage.calls,
        "input_tokens": result.usage.prompt_tokens,
        "output_tokens": result.usage.completion_tokens,
    }


def _said(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text}] if text else []}


def _message(message: Message) -> dict[str, Any]:
    if "tool_call_id" in message:
        result = {"type": "tool_call_response", "id": message["tool_call_id"], "result": message["content"]}
        return {"role": message["role"], "parts": [result]}
    said = _said(message["role"], message["content"])
    return {**said, "parts": [*said["parts"], *_tool_calls(message.get("tool_calls", ()))]}


def _replied(reply: Reply) -> list[dict[str, Any]]:
    thought = [{"type": "reasoning", "content": reply.reasoning}] if reply.reasoning else []
    first = _said("assistant", reply.text or reply.refusal)
    parts = [*thought, *first["parts"], *_tool_calls(reply.tool_calls)]
    return [
        {**first, "parts": parts, "finish_reason": reply.finish_reason},
        *(_said("assistant", other) for other in reply.others),
    ]


def _tool_calls(calls: Sequence[Any]) -> list[dict[str, Any]]:
    return [{"type": "tool_call", "id": one.id, "name": one.name, "arguments": one.arguments} for one in calls]


def _kind_of(error: BaseException) -> str:
    """A word for an error, one of few: the fault of a model call, why a run was stopped, else the error's class."""
    if isinstance(error, ModelError):
        return error.fault
    return error.reason if isinstance(error, BudgetExceededError) else type(error).__name__


def _provider() -> "TracerProvider":
    """The application's provider; one of our own where it has none."""
    api = require("opentelemetry.trace", extra="otel")
    found: TracerProvider = api.get_tracer_provider()
    return _own_provider() if isinstance(found, api.ProxyTracerProvider) else found


@cache  # its exporter has a thread of its own, and sends the rest when the process ends
def _own_provider() -> "TracerProvider":
    sdk = require("opentelemetry.sdk.trace", extra="otel")
    export = require("opentelemetry.sdk.trace.export", extra="otel")
    resources = require("opentelemetry.sdk.resources", extra="otel")
    resource = resources.Resource.create({"service.name": "disputatio"})
    provider = sdk.TracerProvider(resource=resource.merge(resources.OTELResourceDetector().detect()))
    match os.environ.get("OTEL_TRACES_EXPORTER", "otlp").strip().lower():
        case "otlp":
            otlp = require("opentelemetry.exporter.otlp.proto.http.trace_exporter", extra="otel")
            provider.add_span_processor(export.BatchSpanProcessor(otlp.OTLPSpanExporter()))
        case "console":
            provider.add_span_processor(export.SimpleSpanProcessor(export.ConsoleSpanExporter(out=sys.stderr)))
        case "none":
            pass
        case other:
            raise ConfigurationError(f"OTEL_TRACES_EXPORTER is otlp, console or none, not {other!r}")
    own: TracerProvider = provider
    return own
