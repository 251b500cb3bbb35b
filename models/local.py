"""The embedded server: llama.cpp's HTTP server inside this process, by the package xllamacpp.

`serve` starts a server for a model file the first time and gives its address and key from then on, to every thread
and event loop. It listens on 127.0.0.1 only and takes no request without the key, which is made at random for each
server. While a file loads (half a second for the small default model) the whole process waits, because xllamacpp
holds the interpreter's lock.

End of the process: the server is taken down by `atexit`, after its connections are cut. Both matter. The server's
destructor waits for open requests, for ever if the client is in this process; and a server that is still computing
when the C++ runtime is torn down crashes the process. (On Windows connections cannot be cut this way, so there the
server is left to the operating system.)

Fork: the threads of a server do not exist in a forked child. The child forgets the server without destructing it,
which would hang, and starts its own on the next `serve`. It cannot destruct that one either (llama.cpp keeps one
thread for all servers of a process, and aborts where it is missing), and at its end the C++ runtime would wait for
the missing threads as well. So on Linux with glibc the child skips C-level exit handlers; its exit code, `atexit` and
Python's own buffers are not affected. Elsewhere a forked child should end by `os._exit`, as those of
`multiprocessing` do. A process that is spawned has nothing to forget.
"""

import atexit
import ctypes
import os
import secrets
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from disputatio.errors import ConfigurationError, ModelError
from disputatio.models.machine import MOST_SLOTS, SHORTEST, Room, free_memory, room, usable_cores

_HOST = "127.0.0.1"
_LARGEST = 1_048_576
"""Tokens in all slots together; with numbers beyond reason llama.cpp does not fail but swaps."""

SPINS = 500
"""How often a thread of llama.cpp looks whether the others are done, before it sleeps."""


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Where a server listens."""

    base_url: str
    """Address of its OpenAI-style interface, with the "/v1"."""
    api_key: str = field(repr=False)
    context: int
    """Longest prompt and reply together, in tokens."""
    slots: int
    """How many requests are computed at once; others wait."""


class _Settings(NamedTuple):
    path: Path
    context: int | None
    slots: int
    threads: int | None
    embeds: bool


# State of the process, not of a run: a second server for the same file would cost its memory and its cores again.
_SERVERS: dict[_Settings, tuple[Any, Endpoint]] = {}
_LOCK = threading.Lock()
_CAN_DESTRUCT = Path("/dev/fd").is_dir()  # what `_hang_up` needs: Linux, macOS, BSD


def serve(
    path: Path, *, context: int | None = None, slots: int = 1, threads: int | None = None, embeds: bool = False
) -> Endpoint:
    """Give the address of the server for a model file; start it if it does not run yet.

    Args:
        path: A GGUF file.
        context: Longest prompt and reply together, in tokens, from 256; None is what `room` finds for the machine and
            the model, which may leave fewer slots, too.
        slots: How many requests are computed at once, from 1; others wait. For one run 1 is the best: its prompts
            follow each other, so most of each is found in the slot's cache. Many runs gain from several (at most 8
            without a context).
        threads: Threads that compute, from 1. None is a thread for each core (at most 8) for reading prompts and for
            writing several replies at once; for a single one it is one for a file below 1 GB, else one for every second
            core (at most 4). With several, what a seed gives depends on them from 256 tokens on.
        embeds: Whether it gives embeddings instead of replies: the mean over a text's tokens, unless the model pools
            in a way of its own. Such a server takes a text of `context` tokens at most.

    Raises:
        ConfigurationError: If the file is missing or is no GGUF file, or a number is out of range.
        ModelError: If llama.cpp cannot load it.
    """
    for name, value, least in (("context", context, SHORTEST), ("slots", slots, 1), ("threads", threads, 1)):
        if value is not None and value < least:
            raise ConfigurationError(f"{name} is a number from {least}, not {value}")
    if context is None:
        slots = min(slots, MOST_SLOTS)
    elif context * slots > _LARGEST:
        raise ConfigurationError(f"context times slots is at most {_LARGEST} tokens, not {context * slots}")
    # As it was asked for, not as it was chosen: the memory that is free is less once the server runs.
    settings = _Settings(Path(path).expanduser().resolve(), context, slots, threads, embeds)
    with _LOCK:
        if settings not in _SERVERS:
            _check(settings.path)
            if not _SERVERS:
                atexit.register(_take_down)  # again after a fork: by then the parent's has nothing left to do
            _SERVERS[settings] = _start(settings)
        return _SERVERS[settings][1]


def _check(path: Path) -> None:
    """Refuse what is no model before llama.cpp sees it, which would not say what is wrong."""
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except FileNotFoundError as error:
        raise ConfigurationError(f"no model file at {path}") from error
    except OSError as error:
        raise ConfigurationError(f"cannot read the model file {path}: {error.strerror}") from error
    if magic != b"GGUF":
        raise ConfigurationError(f"{path} is no GGUF file: it begins with {magic!r}")


def _start(settings: _Settings) -> tuple[Any, Endpoint]:
    xllamacpp = _llama_cpp()
    key = secrets.token_urlsafe(24)
    path, size = settings.path, settings.path.stat().st_size
    if settings.context is None:
        fits = room(path, settings.slots, free=free_memory())
    else:
        fits = Room(settings.context, settings.slots)
    try:
        server = xllamacpp.Server(_params(xllamacpp, settings, fits, size, key))
        # The constructor returns before the server's loop runs, and a destructor that is faster than the loop waits
        # for ever. So let the loop answer something.
        server.handle_metrics()
    except (RuntimeError, MemoryError) as error:
        raise ModelError(
            f"llama.cpp cannot load {path} ({size / 1e6:.3g} MB): it is damaged or cut off, of a kind that "
            f"xllamacpp {xllamacpp.__version__} does not know, or there is too little memory for it with "
            f"context={fits.context} and slots={fits.slots}"
        ) from error
    return server, Endpoint(base_url=f"{server.listening_address}/v1", api_key=key, **fits._asdict())


def _params(xllamacpp: Any, settings: _Settings, fits: Room, size: int, key: str) -> Any:
    params = xllamacpp.CommonParams()
    params.model.path = str(settings.path)
    params.model_alias = {settings.path.stem}  # else every reply carries the path of the file
    params.n_ctx = fits.context * fits.slots
    params.n_parallel = fits.slots
    reading, writing = (settings.threads, settings.threads) if settings.threads else _threads(usable_cores(), size)
    params.cpuparams.n_threads = writing
    params.cpuparams_batch.n_threads = reading
    # Below 64 tokens llama.cpp reads a prompt with the same arithmetic with which it writes, so that a seed gives the
    # same text whatever part of the prompt is in the cache; with 64 and more it often does not. It costs a tenth of the
    # speed (a third in long prompts). And a cancelled prompt frees its slot within a second; with llama.cpp's own 2048
    # it takes 8 s.
    params.n_batch = params.n_ubatch = 48
    if settings.embeds:
        params.embedding = True
        params.n_batch = params.n_ubatch = fits.context  # a text is read in one piece
        if not _pools(settings.path):
            params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    params.cache_ram_mib = 256  # prompts that lost their slot; llama.cpp's own limit is 8 GB
    params.hostnames = [_HOST]
    params.port = 0  # a free one
    params.api_keys = [key]
    params.ui = params.endpoint_slots = False
    params.endpoint_metrics = True
    params.verbosity = -1
    return params


def _pools(path: Path) -> bool:
    """Whether a model says how the vectors of its tokens become one; chat models do not."""
    with path.open("rb") as file:
        return b".pooling_type" in file.read(1 << 16)


def _llama_cpp() -> Any:
    """Import llama.cpp so that its threads, which wait for each other, spin for a moment and then sleep.

    OpenMP's own way is to spin for long, which takes everything down on a busy machine: as soon as one thread has to
    share its core, the others burn theirs. To sleep at once costs a switch of threads at every step, several hundred
    times a token. So they spin for about as long as a step takes; benchmarks/slots.py measures it. GNU's OpenMP,
    which the wheels for Linux bring, takes a count for that; others are told to sleep. OpenMP asks the environment
    once, when it is loaded.
    """
    ours = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": str(SPINS)}
    if any(name in os.environ for name in ours):  # the user has decided
        ours = {}
    os.environ.update(ours)
    try:
        import xllamacpp
    finally:
        for name in ours:
            del os.environ[name]
    return xllamacpp


def _threads(cores: int, size: int) -> tuple[int, int]:
    """Choose the threads for reading prompts, or writing several replies at once, and for writing a single one.

    What is done for many tokens at once gains from every core. For a single reply all threads wait for each other
    several hundred times a token, which for a small model takes about as long as what is saved; a large one spends its
    time between the waits, and then leaves half of the cores to the program around it. And where several threads write
    a single reply, they share out its attention (from 256 tokens on), whose rounding then is another than that of
    prompts and of several replies: with one thread a seed gives the same text in all of these cases.
    """
    return min(cores, 8), max(1, min(cores // 2, 4)) if size >= 1_000_000_000 else 1


def _take_down() -> None:
    """Destruct all servers, in a way that neither hangs nor crashes; see the module's text."""
    with _LOCK:
        while _SERVERS:
            _, (server, endpoint) = _SERVERS.popitem()
            if _CAN_DESTRUCT:
                _hang_up(urlsplit(endpoint.base_url).port or 0)
            else:
                _leak(server)
            del server


def _hang_up(port: int) -> None:
    """Cut this process's connections to its server, from both ends."""
    for _ in range(2):  # the first pass also stops the listener, so nothing new can come after the second
        for name in os.listdir("/dev/fd"):
            with suppress(OSError), socket.socket(fileno=os.dup(int(name))) as connection:
                if (_HOST, port) in (connection.getsockname(), _peer(connection)):
                    connection.shutdown(socket.SHUT_RDWR)


def _peer(connection: socket.socket) -> object:
    try:
        return connection.getpeername()
    except OSError:  # it listens
        return None


def _leak(server: object) -> None:
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(server))  # even the end of the interpreter does not destruct it now


def _forget() -> None:
    """In a forked child: let go of the parent's servers without touching them."""
    global _CAN_DESTRUCT, _LOCK
    _LOCK = threading.Lock()  # another thread of the parent may have held it
    if not _SERVERS:
        return
    for server, _ in _SERVERS.values():
        _leak(server)
    _SERVERS.clear()
    _CAN_DESTRUCT = False
    with suppress(AttributeError, OSError):
        libc = ctypes.CDLL(None)
        libc.on_exit(ctypes.cast(libc._exit, ctypes.c_void_p), None)  # called with the exit code, before all others


_at_fork: Callable[..., None] | None = getattr(os, "register_at_fork", None)  # Windows has no fork
if _at_fork:
    _at_fork(after_in_child=_forget)
