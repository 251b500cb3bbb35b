"""An OpenAI-compatible server on this machine that says what a test tells it to, faults included."""

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass(frozen=True)
class Asked:
    """One request that came in."""

    path: str
    headers: Mapping[str, str]
    """By names in lower case."""
    body: dict[str, Any]

    @property
    def prompt(self) -> str:
        return "\n\n".join(message["content"] for message in self.body.get("messages", ()))


@dataclass(frozen=True)
class Sent:
    """What the server replies: a value as JSON, or bytes as they are, or a stream of pieces."""

    value: object = None
    status: int = 200
    kind: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    stream: Sequence[bytes] | None = None
    missing: int = 0
    """Bytes that are promised and not sent."""
    hangs: bool = False
    """Whether it sends nothing more then, and waits for the client to hang up."""
    drips: float = 0.0
    """Seconds between two bytes of the reply."""
    resets: bool = False
    """Whether the connection is reset instead of closed, after what is sent of a stream."""


def completion(text: object = "Paris", **changed: object) -> dict[str, Any]:
    """A chat completion."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
    return {"id": "1", "object": "chat.completion", "choices": [choice], "usage": usage, **changed}


def event(value: object) -> bytes:
    """One server-sent event."""
    return b"data: " + (value if isinstance(value, bytes) else json.dumps(value).encode()) + b"\n\n"


def chunk(piece: object, finish: str | None = None, **changed: object) -> bytes:
    """One event with a piece of the reply."""
    return event({"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": finish}], **changed})


USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}}
STREAM = (chunk("Par"), chunk("is"), chunk("", "stop"), event({"choices": [], "usage": USAGE}), event(b"[DONE]"))

Plan = Callable[[Asked], Sent] | Sequence[Sent]


class Server(ThreadingHTTPServer):
    """Serves in a thread while it is entered; a plan that is a list ends with its last reply again and again."""

    daemon_threads = True
    request_queue_size = 1000

    def __init__(self, plan: Plan, models: Sequence[str] = ("small", "large")) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.plan, self.models = plan, models
        self.counts: Callable[[Asked], Sent] = lambda asked: Sent(status=404)
        """Replies to requests that count tokens, which are no part of the plan."""
        self.asked: list[Asked] = []
        self.hung_up = threading.Event()
        """Set when a client has closed a connection that was left hanging."""
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        """The address that ends in /v1."""
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    @property
    def prompts(self) -> list[str]:
        return [asked.prompt for asked in self.asked]

    def reply_to(self, asked: Asked) -> Sent:
        """The reply to one request, by the plan."""
        with self._lock:
            if asked.path.endswith("/models"):
                return Sent({"object": "list", "data": [{"id": name} for name in self.models]})
            if asked.path.endswith(("/tokenize", "/apply-template")):
                return self.counts(asked)
            self.asked.append(asked)
            place = len(self.asked) - 1
        return self.plan(asked) if callable(self.plan) else self.plan[min(place, len(self.plan) - 1)]

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join(10)
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    server: Server

    def do_GET(self) -> None:
        self._answer({})

    def do_POST(self) -> None:
        self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _answer(self, body: dict[str, Any]) -> None:
        sent = self.server.reply_to(
            Asked(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
        )
        try:
            self._send(sent)
            if sent.resets:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
                self.close_connection = True
            elif sent.hangs:
                self._wait()
        except OSError:
            self.server.hung_up.set()
            self.close_connection = True

    def _send(self, sent: Sent) -> None:
        if (sent.hangs or sent.resets) and sent.stream is None:
            return
        self.send_response(sent.status)
        for name, value in sent.headers.items():
            self.send_header(name, value)
        if sent.stream is None:
            content = sent.value if isinstance(sent.value, bytes) else json.dumps(sent.value).encode()
            self.send_header("Content-Type", sent.kind)
            self.send_header("Content-Length", str(len(content) + sent.missing))
            self.close_connection = bool(sent.missing)
            self.end_headers()
            self._write(content, sent.drips)
            return
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.close_connection = True
        self.end_headers()
        for piece in sent.stream:
            self._write(piece, sent.drips)

    def _write(self, content: bytes, drips: float) -> None:
        for piece in (content[place : place + 1] for place in range(len(content))) if drips else (content,):
            self.wfile.write(piece)
            self.wfile.flush()
            time.sleep(drips)

    def _wait(self) -> None:
        if not self.connection.recv(1):
            self.server.hung_up.set()
        self.close_connection = True

    def finish(self) -> None:
        if not self.connection._closed:  # type: ignore[attr-defined]
            super().finish()

    def log_message(self, format: str, *args: object) -> None:
        pass
