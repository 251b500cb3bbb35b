"""The option --trace: a tracer, refused before anything is spent where nobody collects what it sends."""

import os
import socket
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from disputatio.errors import ConfigurationError
from disputatio.telemetry import OpenTelemetry
from disputatio.tracing import Tracer

PATIENCE = 2.0
"""Seconds in which the collector must take a connection."""


def tracer() -> Tracer:
    """The tracer of a run on the command line.

    Raises:
        ConfigurationError: If no collector can be reached.
        MissingExtraError: If the extra `otel` is not installed.
    """
    made = OpenTelemetry()
    if os.environ.get("OTEL_TRACES_EXPORTER", "otlp").strip().lower() == "otlp":
        _check(endpoint())
    return made


def endpoint() -> str:
    """Where spans are sent, by the standard variables of OpenTelemetry."""
    names = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
    return next((os.environ[name] for name in names if os.environ.get(name)), "http://localhost:4318")


def _check(url: str) -> None:
    try:
        address = urlsplit(url)
        host, port = address.hostname or "", address.port or {"https": 443}.get(address.scheme, 80)
        if getproxies().get(address.scheme) and not proxy_bypass(host):
            return
        socket.create_connection((host, port), timeout=PATIENCE).close()
    except (OSError, ValueError) as error:
        shown = f"{address.hostname}:{address.port}" if isinstance(error, OSError) else "OTEL_EXPORTER_OTLP_ENDPOINT"
        raise ConfigurationError(
            f"no OpenTelemetry collector at {shown} ({error}); start one, set OTEL_EXPORTER_OTLP_ENDPOINT, or set "
            "OTEL_TRACES_EXPORTER=console"
        ) from error
