import asyncio
import json
import multiprocessing
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from disputatio.errors import ConfigurationError, ModelError, StoreError
from disputatio.models import local
from disputatio.models.local import Endpoint, serve
from disputatio.models.weights import smollm2

pytestmark = pytest.mark.embedded


@pytest.fixture(scope="module")
def weights() -> Path:
    try:
        return smollm2()
    except StoreError as error:
        pytest.skip(f"no weights: {error}")


@pytest.fixture(scope="module")
def endpoint(weights: Path) -> Endpoint:
    return serve(weights)


def body(content: str, **settings: Any) -> bytes:
    messages = [{"role": "user", "content": content}]
    return json.dumps({"messages": messages, "max_tokens": 8, "temperature": 0, **settings}).encode()


def ask(endpoint: Endpoint, content: str, **settings: Any) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {endpoint.api_key}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"{endpoint.base_url}/chat/completions", body(content, **settings), headers)
    try:
        with urllib.request.urlopen(request, timeout=120) as reply:
            return dict(json.load(reply))
    except urllib.error.HTTPError as error:
        with error:
            return dict(json.load(error), status=error.code)


def text(reply: dict[str, Any]) -> str:
    return str(reply["choices"][0]["message"]["content"])


START = """
import os, sys
from pathlib import Path
sys.path.insert(0, os.path.dirname(sys.argv[1]))
sys.dont_write_bytecode = True
from test_local import ask, body, serve
path = Path(sys.argv[2])
"""


def run(code: str, weights: Path) -> subprocess.CompletedProcess[str]:
    """Run a program in a process of its own."""
    command = [sys.executable, "-c", START + code, __file__, str(weights)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_answers(endpoint: Endpoint) -> None:
    reply = ask(endpoint, "Say hello.")
    assert text(reply)
    assert reply["usage"]["completion_tokens"] <= 8
    assert reply["model"] == "SmolLM2-135M-Instruct.Q4_1"  # not the path of the file


def test_one_server_for_all_threads(weights: Path, endpoint: Endpoint) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda _: serve(weights), range(16))) == {endpoint}
        assert all(text(reply) for reply in pool.map(lambda n: ask(endpoint, f"Count to {n}."), range(8)))


def test_one_server_for_all_event_loops(weights: Path, endpoint: Endpoint) -> None:
    async def calls() -> list[str]:
        replies = await asyncio.gather(*(asyncio.to_thread(ask, serve(weights), f"Add {n} to 1.") for n in range(3)))
        return [text(reply) for reply in replies]

    with ThreadPoolExecutor(3) as pool:
        assert all(all(texts) for texts in pool.map(lambda _: asyncio.run(calls()), range(3)))


def test_other_settings_are_another_server(weights: Path, endpoint: Endpoint) -> None:
    small = serve(weights, context=256, slots=2, threads=1)
    assert small != endpoint
    assert ask(small, "word " * 300)["error"]["type"] == "exceed_context_size_error"
    assert ask(endpoint, "word " * 300)["usage"]["prompt_tokens"] > 256


def test_the_key_is_required_and_not_shown(endpoint: Endpoint) -> None:
    for key in ("", "wrong"):
        refused = ask(replace(endpoint, api_key=key), "Hello")
        assert refused["status"] == 401
        assert refused["error"]["type"] == "authentication_error"
    assert endpoint.api_key not in repr(endpoint)


def test_listens_on_loopback_only(endpoint: Endpoint) -> None:
    address = urlsplit(endpoint.base_url)
    assert address.hostname == "127.0.0.1"
    if Path("/proc/net/tcp").exists():
        lines = [
            line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()
        ]
        listening = [line[1] for line in lines if line[3] == "0A" and line[1].endswith(f":{address.port:04X}")]
        assert listening == [f"0100007F:{address.port:04X}"]


def test_a_schema_is_kept(endpoint: Endpoint) -> None:
    properties = {"answer": {"type": "integer", "maximum": 9, "minimum": 0}}
    schema = {"type": "object", "properties": properties, "required": ["answer"], "additionalProperties": False}
    form = {"type": "json_schema", "json_schema": {"name": "reply", "strict": True, "schema": schema}}
    reply = ask(endpoint, "What is 2 + 2? Reply in JSON.", response_format=form, max_tokens=60)
    assert set(json.loads(text(reply))) == {"answer"}


@pytest.mark.parametrize("settings", [{"temperature": 0}, {"temperature": 0.8, "seed": 7}])
def test_a_seed_gives_the_same_text_whatever_is_in_the_cache(endpoint: Endpoint, settings: dict[str, Any]) -> None:
    first = text(ask(endpoint, "Why is the sky blue?", max_tokens=24, **settings))
    # The first reply is in the cache now, written token by token; as part of the next prompt it is read in one go.
    messages = [
        {"role": "user", "content": "Why is the sky blue?"},
        {"role": "assistant", "content": first},
        {"role": "user", "content": "Are you sure? The quick brown fox jumps over the lazy dog. " * 6},
    ]
    replies = [
        ask(endpoint, "", messages=messages, max_tokens=24, cache_prompt=on, **settings) for on in (True, False, True)
    ]
    cached = [reply["usage"]["prompt_tokens_details"]["cached_tokens"] for reply in replies]
    assert cached[0] > 24
    assert cached[1] == 0
    assert cached[2] > cached[0]
    assert len({text(reply) for reply in replies}) == 1


def test_a_call_whose_connection_is_closed_frees_the_slot(endpoint: Endpoint) -> None:
    connection = HTTPConnection("127.0.0.1", urlsplit(endpoint.base_url).port or 0)
    headers = {"Authorization": f"Bearer {endpoint.api_key}", "Content-Type": "application/json"}
    long = body("Tell a long story.", max_tokens=7000, ignore_eos=True, stream=True)
    connection.request("POST", "/v1/chat/completions", long, headers)
    reply = connection.getresponse()
    reply.read(500)
    reply.close()
    connection.close()
    began = time.monotonic()
    ask(endpoint, "Hello", max_tokens=1)
    assert time.monotonic() - began < 20  # the story takes minutes


@pytest.mark.skipif(signal.getsignal(signal.SIGINT) is signal.SIG_IGN, reason="started in the background")
def test_signals_are_left_alone(endpoint: Endpoint) -> None:
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    assert text(ask(endpoint, "Hello"))


@pytest.mark.parametrize("settings", [{"context": 255}, {"slots": 0}, {"threads": 0}, {"context": 1 << 20, "slots": 2}])
def test_numbers_out_of_range_are_refused(settings: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(settings))):
        serve(Path("any.gguf"), **settings)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no model file at .*nothing\.gguf"):
        serve(tmp_path / "nothing.gguf")
    with pytest.raises(ConfigurationError, match="cannot read the model file"):
        serve(tmp_path)


@pytest.mark.parametrize("content", [b"", b"GG", b"<html>not a model</html>"])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.gguf").write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"model\.gguf is no GGUF file"):
        serve(tmp_path / "model.gguf")


@pytest.mark.parametrize("size", [4, 20, 20_000, 5_000_000, 50_000_000])
def test_a_file_that_is_cut_off_is_refused_without_noise(
    tmp_path: Path, weights: Path, size: int, capfd: pytest.CaptureFixture[str]
) -> None:
    with weights.open("rb") as file:
        (tmp_path / "model.gguf").write_bytes(file.read(size))
    with pytest.raises(ModelError, match=r"cannot load .*model\.gguf") as error:
        serve(tmp_path / "model.gguf")
    assert "\n" not in str(error.value)
    assert capfd.readouterr() == ("", "")


def test_too_little_memory_is_a_model_error(weights: Path) -> None:
    pytest.importorskip("resource")
    done = run(
        "import resource\n"
        "from disputatio.errors import ModelError\n"
        "import xllamacpp\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * 4096\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + (300 << 20),) * 2)\n"
        "try: serve(path, context=1 << 20)\n"
        "except ModelError as error: print(error)\n",
        weights,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "too little memory" in done.stdout


# Life and death: each in a process of its own


def check(done: subprocess.CompletedProcess[str], stdout: str, code: int) -> None:
    assert (done.returncode, done.stdout, done.stderr) == (code, stdout, "")


BUSY = """
import http.client, urllib.parse
endpoint = serve(path)
stream = http.client.HTTPConnection('127.0.0.1', urllib.parse.urlsplit(endpoint.base_url).port)
long = body('Tell a story', max_tokens=7000, ignore_eos=True, stream=True)
headers = {'Authorization': 'Bearer ' + endpoint.api_key, 'Content-Type': 'application/json'}
stream.request('POST', '/v1/chat/completions', long, headers)
reply = stream.getresponse(); reply.read(100)
"""


@pytest.mark.parametrize("code", ["ask(serve(path), 'Hello')\n", "serve(path); serve(path, context=512)\n", BUSY])
def test_ends_cleanly_idle_with_two_servers_and_in_the_middle_of_a_reply(weights: Path, code: str) -> None:
    check(run(code + "sys.exit(3)", weights), "", 3)


FORK = """
pid = os.fork()
if not pid:
    {child}
    sys.exit(5)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
"""


IDLE = "endpoint = serve(path); ask(endpoint, 'Hello')\n"
OWN = "own = serve(path); print(own != endpoint, bool(ask(own, 'Hello')['choices']))"


@pytest.mark.parametrize("parent", [IDLE, BUSY], ids=["idle", "busy"])
@pytest.mark.parametrize(("child", "says"), [("pass", ""), (OWN, "True True\n")], ids=["leaves", "starts"])
def test_a_forked_child_leaves_the_server_alone_and_may_start_its_own(
    weights: Path, parent: str, child: str, says: str
) -> None:
    still = "print(serve(path) == endpoint)" + ("; reply.read(100)" if parent is BUSY else "; ask(endpoint, 'Hello')")
    check(run(parent + FORK.format(child=child) + still, weights), f"{says}5\nTrue\n", 0)


def test_a_forked_child_runs_its_exit_functions(weights: Path) -> None:
    child = "import atexit; atexit.register(print, 'bye')"
    check(run("serve(path)\n" + FORK.format(child=child), weights), "bye\n5\n", 0)


def spawned(path: Path, parent: Endpoint, answers: Any) -> None:
    own = serve(path)
    answers.put((own != parent, text(ask(own, "Hello")) != ""))


def test_a_spawned_process_starts_its_own_server(weights: Path, endpoint: Endpoint) -> None:
    spawn = multiprocessing.get_context("spawn")
    answers = spawn.SimpleQueue()
    process = spawn.Process(target=spawned, args=(weights, endpoint, answers))
    process.start()
    process.join(120)
    assert process.exitcode == 0
    assert answers.get() == (True, True)
    answers.close()


# How many threads


@pytest.mark.parametrize(("cores", "reading", "large"), [(1, 1, 1), (2, 2, 1), (4, 4, 2), (8, 8, 4), (96, 8, 4)])
def test_reading_takes_every_core_and_writing_half_of_them_for_large_models(
    cores: int, reading: int, large: int
) -> None:
    assert local._threads(cores, 4_000_000_000) == (reading, large)
    assert local._threads(cores, 98_000_000) == (reading, 1)


IMPORT = """
import os
from importlib import abc
from disputatio.models import local
class Look(abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "xllamacpp":
            print(*(os.environ.get(name) for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")))
            raise ImportError
sys.meta_path.insert(0, Look())
try: local._llama_cpp()
except ImportError: print(*(os.environ.get(name) for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")))
"""


@pytest.mark.parametrize(
    ("users", "during", "after"),
    [
        ({}, f"passive {local.SPINS}", "None None"),
        ({"OMP_WAIT_POLICY": "active"}, "active None", "active None"),
        ({"GOMP_SPINCOUNT": "7"}, "None 7", "None 7"),
    ],
)
def test_openmp_is_told_how_to_wait_for_the_import_only_and_only_where_the_user_has_not(
    monkeypatch: pytest.MonkeyPatch, users: dict[str, str], during: str, after: str
) -> None:
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in users.items():
        monkeypatch.setenv(name, value)
    check(run(IMPORT, Path("none.gguf")), f"{during}\n{after}\n", 0)


# Several slots


def test_a_seed_gives_the_same_text_whoever_else_is_served(weights: Path, endpoint: Endpoint) -> None:
    many = serve(weights, slots=4, context=512)
    # From 256 tokens on llama.cpp computes attention in another way, if one reply is written by several threads.
    prompts = [f"Add {number} to {'the length of this ' * (4 - number) ** 3}list." for number in range(5)]
    settings: dict[str, Any] = {"max_tokens": 16, "temperature": 0.8, "logprobs": True, "top_logprobs": 2}

    def drawn(where: Endpoint, number: int) -> object:
        return ask(where, prompts[number], seed=number, **settings)["choices"][0]

    alone = [drawn(endpoint, number) for number in range(5)]
    for order in ([0, 1, 2, 3, 4], [4, 2, 3, 1, 0]):
        with ThreadPoolExecutor(5) as pool:
            together = dict(zip(order, pool.map(lambda number: drawn(many, number), order), strict=True))
        assert [together[number] for number in range(5)] == [{**one, "index": 0} for one in alone]  # to the last digit


def test_the_slots_that_were_asked_for_are_there_at_once_and_known(weights: Path, endpoint: Endpoint) -> None:
    assert (endpoint.context, endpoint.slots) == (8192, 1)
    many = serve(weights, slots=4, context=512)
    assert (many.context, many.slots) == (512, 4)
    with ThreadPoolExecutor(4) as pool:
        began = time.monotonic()
        ends = list(pool.map(lambda n: (ask(many, f"Tell {n}", max_tokens=40), time.monotonic() - began)[1], range(4)))
    assert min(ends) > 0.5 * max(ends)  # one after the other would be a quarter
