"""The logs of our strategies open in Inspect's own viewer, in a real browser."""

import json
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from subprocess import DEVNULL, Popen

import pytest

from disputatio.models import SimulatedModel
from disputatio.question import Question
from tests.browsing import CHROMIUM, tab

inspect_ai = pytest.importorskip("inspect_ai", reason="needs the extra eval (inspect-ai)")
pytestmark = [
    pytest.mark.filterwarnings("default"),
    pytest.mark.usefixtures("streams_of_inspect"),
    pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed"),
]
VIEW = "from inspect_ai._cli.main import main; main()"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """The log of a vote of three on one question, whose key the simulated model knows."""
    from inspect_ai.model import get_model  # noqa: PLC0415 - an extra

    from disputatio.evals.inspect_bridge import items, reasoning  # noqa: PLC0415

    question = Question(text="Simulated question 1", answer_type="number")
    key = next(iter(SimulatedModel().chances(question)))
    path = tmp_path / "mine.jsonl"
    path.write_text(json.dumps({"id": "first", "question": question.text, "answer": key}), encoding="utf-8")
    (log,) = inspect_ai.eval(
        items(str(path)),
        model=get_model("disputatio/sim:accuracy=1"),
        solver=reasoning("self_consistency", samples=3),
        log_dir=str(tmp_path / "logs"),
        display="none",
    )
    assert log.status == "success", log.error
    return Path(log.location)


@pytest.fixture
def viewer(log: Path) -> Iterator[str]:
    """The address of `inspect view` on the folder of the log."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", VIEW, "view", "start", "--log-dir", str(log.parent), "--port", str(port)]
    address = f"http://127.0.0.1:{port}/"
    with Popen(command, stdout=DEVNULL, stderr=DEVNULL) as process:
        try:
            while process.poll() is None:
                try:
                    urllib.request.urlopen(address, timeout=10).close()
                    break
                except (urllib.error.URLError, ConnectionError):
                    continue
            assert process.returncode is None, "inspect view ended at once"
            yield address
        finally:
            process.terminate()


async def test_a_log_opens_in_the_viewer_with_every_call(log: Path, viewer: str) -> None:
    async with tab() as page:
        await page.look(1300, 900)
        await page.open(viewer, "disputatio/sim:accuracy=1")
        opened = await page.open(f"{viewer}#/logs/{log.name}", "first", "ACCURACY", "1.0")
        assert "Simulated question 1" in opened
        sample = await page.open(f"{viewer}#/logs/{log.name}/samples/sample/first/1/", "TRANSCRIPT", "turn 1/3")
        assert "reasoning" in sample.lower()
        assert (await page.picture()).startswith(b"\x89PNG")
