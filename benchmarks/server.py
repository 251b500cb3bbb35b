"""A chat server that costs next to nothing: what is left to measure is the client.

    python benchmarks/server.py          prints its address, and serves until its standard input closes

It answers POST /v1/chat/completions with 48 words that depend only on the prompt, after as many milliseconds as the
last POST /latency/NUMBER said. GET /stats tells what came since the last POST /reset.
"""

import asyncio
import json
import re
import resource
import sys
from zlib import crc32

SAID = """\
the sum grows by the same step each day so we add the first and the last and take half of it as often as there are
days yet one should not forget that what is thrown away has to be paid for as well"""
KEPT = 64
"""Prompts that are kept, to find what they share."""


class Stats:
    """What came since the last reset."""

    def __init__(self) -> None:
        self.calls = self.words = self.in_flight = self.most_in_flight = 0
        self.prompts: list[str] = []
        self.started = cpu()

    def arrived(self, prompt: str) -> None:
        """Count one request."""
        self.calls += 1
        self.words += len(prompt.split())
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        if len(self.prompts) < KEPT:
            self.prompts.append(prompt)

    def report(self) -> dict[str, float]:
        """The figures; `shared` is the part of the prompts' characters that began as an earlier prompt did."""
        reused = [
            max((common(one, other) for other in self.prompts[:place]), default=0)
            for place, one in enumerate(self.prompts)
        ]
        return {
            "calls": self.calls,
            "words": self.words,
            "most_in_flight": self.most_in_flight,
            "shared": sum(reused) / max(sum(map(len, self.prompts)), 1),
            "server_cpu": cpu() - self.started,
        }


def common(one: str, other: str) -> int:
    """How many characters two texts have in common at their beginning."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (mine, theirs) in pairs if mine != theirs), min(len(one), len(other)))


def cpu() -> float:
    """Seconds of processor time that this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


class Connection(asyncio.Protocol):
    """One connection, kept alive; requests on it come one after the other."""

    stats = Stats()
    latency = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to listen."""
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.buffer = transport, b""

    def data_received(self, data: bytes) -> None:
        """Answer every request that has come in whole."""
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end]
            length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
            size = end + 4 + (int(length.group(1)) if length else 0)
            if len(self.buffer) < size:
                return
            body, self.buffer = self.buffer[end + 4 : size], self.buffer[size:]
            self.answer(head.split(b" ", 2)[1].decode(), body)

    def answer(self, path: str, body: bytes) -> None:
        """Answer one request, now or after the latency."""
        if path == "/v1/chat/completions":
            prompt = "\n".join(message["content"] for message in json.loads(body)["messages"])
            self.stats.arrived(prompt)
            if self.latency:
                asyncio.get_running_loop().call_later(self.latency, self.reply, prompt, self.stats)
            else:
                self.reply(prompt, self.stats)
            return
        if path == "/reset":
            Connection.stats = Stats()
        elif path.startswith("/latency/"):
            Connection.latency = float(path.rpartition("/")[2]) / 1000
        self.send(self.stats.report())

    def reply(self, prompt: str, stats: Stats) -> None:
        """Send 48 words."""
        stats.in_flight -= 1
        place, words = crc32(prompt.encode()), SAID.split()
        text = (
            " ".join(words[(place + n) % len(words)] for n in range(43))
            + f" {place}\nAnswer: {place % 10}\nConfidence: 80"
        )
        asked = len(prompt.split())
        self.send(
            {
                "id": "chatcmpl-1",
                "object": "chat.completion",
                "created": 1,
                "model": "mock",
                "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
                "usage": {"prompt_tokens": asked, "completion_tokens": 48, "total_tokens": asked + 48},
            }
        )

    def send(self, value: object) -> None:
        """Send one JSON reply."""
        body = json.dumps(value).encode()
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        if not self.transport.is_closing():
            self.transport.write(head.encode() + body)


async def main() -> None:
    """Serve until standard input closes."""
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", 0, backlog=4096)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
