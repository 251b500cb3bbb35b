import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

Reply = Callable[[str], str]
Serve = Callable[..., str]


def filled(schema: dict[str, Any]) -> Any:
    """The simplest value that meets a JSON schema."""
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            return {name: filled(one) for name, one in schema["properties"].items()}
        case "array":
            return [filled(schema["items"])] * max(1, schema.get("minItems", 1))
        case "boolean":
            return True
        case "integer" | "number":
            return 1
        case _:
            return "some plain words"


class ModelServer(ThreadingHTTPServer):
    """Speaks /v1/chat/completions on the loopback interface; the reply is a function of the prompt."""

    daemon_threads = True

    def __init__(self, reply: Reply, delay: float, status: int, structured: bool) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.reply, self.delay, self.status, self.structured = reply, delay, status, structured
        self.prompts: list[str] = []

    def handle_error(self, *_: object) -> None:
        """Say nothing about clients that go away."""


class Handler(BaseHTTPRequestHandler):
    server: ModelServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = "\n\n".join(message["content"] for message in body["messages"])
        self.server.prompts.append(prompt)
        if self.server.status != 200:
            return self.send(self.server.status, {"error": {"message": "no\x1b[31m such key"}})
        if body.get("tools"):
            return self.send(400, {"error": {"message": '"auto" tool choice requires --enable-auto-tool-choice'}})
        schema = body.get("response_format", {}).get("json_schema", {}).get("schema")
        text = json.dumps(filled(schema)) if schema and self.server.structured else self.server.reply(prompt)
        words = [word + " " for word in text.split(" ")]
        usage = {"prompt_tokens": len(prompt.split()), "completion_tokens": len(words)}
        if not body.get("stream"):
            choice = {"message": {"content": text}, "finish_reason": "stop"}
            return self.send(200, {"choices": [choice], "usage": usage})
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        with suppress(OSError):  # the client may leave
            for word in words:
                self.event({"choices": [{"delta": {"content": word}, "finish_reason": None}]})
                time.sleep(self.server.delay)
            self.event({"choices": [{"delta": {}, "finish_reason": "stop"}]})
            self.event({"choices": [], "usage": usage})
            self.wfile.write(b"data: [DONE]\n\n")

    def send(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def event(self, chunk: dict[str, Any]) -> None:
        self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """Say nothing about requests."""


@pytest.fixture
def started() -> list[ModelServer]:
    """The model servers that a test has started."""
    return []


@pytest.fixture
def came(started: list[ModelServer]) -> Callable[[], list[str]]:
    """Gives the prompts that have come to them so far."""
    return lambda: [prompt for server in started for prompt in server.prompts]


@pytest.fixture
def serve(started: list[ModelServer]) -> Iterator[Serve]:
    """Start a model server; gives the model string for it."""

    def start(
        reply: str | Reply = "Because.\n\nAnswer: yes\nConfidence: 80",
        *,
        delay: float = 0,
        status: int = 200,
        structured: bool = True,
    ) -> str:
        function = reply if callable(reply) else lambda _: reply
        started.append(ModelServer(function, delay, status, structured))
        threading.Thread(target=started[-1].serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return f"openai-compatible:http://127.0.0.1:{started[-1].server_port}/v1#m"

    yield start
    for server in started:
        server.shutdown()
        server.server_close()
