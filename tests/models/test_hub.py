"""Files of the Hugging Face hub, from a server on this machine that speaks as the hub does."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from disputatio.errors import ConfigurationError
from disputatio.models import load_model

pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed: pip install 'disputatio[hub]'")

FILES = {"small.Q4.gguf": b"GGUF small", "big-00001-of-00002.gguf": b"GGUF one", "big-00002-of-00002.gguf": b"GGUF two"}
FETCH = """
import sys
from disputatio.errors import DisputatioError
from disputatio.models.hub import hub_file
try:
    path = hub_file(sys.argv[1])
    print(path.read_bytes().decode(), len(list(path.parent.glob("*.gguf"))))
except DisputatioError as error:
    print(type(error).__name__, error)
"""


class Hub(BaseHTTPRequestHandler):
    """One repository with three files."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        content, kind = b"{}", {"Content-Type": "application/json"}
        if path.startswith("/api/models/me/weights"):
            siblings = [{"rfilename": name} for name in FILES]
            content = json.dumps({"id": "me/weights", "sha": "0" * 40, "siblings": siblings}).encode()
            status = 200
            if "/tree" in path:
                entries = [{"type": "file", "path": name, "size": 1, "oid": "0" * 40} for name in FILES]
                content = json.dumps(entries).encode()
        elif path.startswith("/me/weights/resolve/main/"):
            name = path.rpartition("/")[2]
            status = 200 if name in FILES else 404
            content = FILES.get(name, b"")
            kind = {"ETag": f'"{name}"'} if name in FILES else {"X-Error-Code": "EntryNotFound"}
        else:
            status, kind = 401, {"X-Error-Code": "RepoNotFound"}
        self.send_response(status)
        for header, value in {**kind, "X-Repo-Commit": "0" * 40, "Content-Length": str(len(content))}.items():
            self.send_header(header, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def fetched(name: str, address: str, folder: Path, **told: str) -> str:
    told |= {"HF_ENDPOINT": address, "HF_HOME": str(folder), "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
    command = [sys.executable, "-c", FETCH, name]
    done = subprocess.run(command, env={**os.environ, **told}, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_file_is_fetched_once_and_found_again_without_the_hub(address: str, tmp_path: Path) -> None:
    assert fetched("me/weights/small.Q4.gguf", address, tmp_path) == "GGUF small 1"
    assert fetched("me/weights/small.Q4.gguf", "http://127.0.0.1:1", tmp_path) == "GGUF small 1"


def test_a_file_in_parts_comes_whole(address: str, tmp_path: Path) -> None:
    assert fetched("me/weights/big-00001-of-00002.gguf", address, tmp_path) == "GGUF one 2"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("me/weights/smal.Q4.gguf", "ConfigurationError me/weights has no file 'smal.Q4.gguf'; it has small.Q4.gguf"),
        ("me/none/small.Q4.gguf", "ConfigurationError the hub has no repository 'me/none'"),
    ],
)
def test_what_is_not_there_is_named(address: str, tmp_path: Path, name: str, said: str) -> None:
    assert fetched(name, address, tmp_path).startswith(said)


def test_no_hub_and_nothing_in_the_cache_is_one_line(tmp_path: Path) -> None:
    said = fetched("me/weights/small.Q4.gguf", "http://127.0.0.1:1", tmp_path, HF_HUB_OFFLINE="1")
    assert said.startswith("StoreError cannot fetch me/weights/small.Q4.gguf: the hub cannot be reached")
    assert "\n" not in said


@pytest.mark.parametrize("name", ["", "me/weights", "me//x.gguf", "me/weights/small.bin"])
def test_a_name_without_a_file_is_refused_at_once(name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"'local:hf/OWNER/REPOSITORY/FILE.gguf'"):
        load_model(f"local:hf/{name}")
