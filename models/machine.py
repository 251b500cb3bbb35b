"""Machine: the cores and the memory that this process may use, and what an embedded server gets of them."""

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from disputatio.models.gguf import Value, header

LONGEST = 8192
"""Tokens of a slot at most: a processor reads a longer prompt for longer than a call may be silent."""
SHORTEST = 256
"""Tokens of a slot at least; llama.cpp aborts the process on very small windows."""
MOST_SLOTS = 8
"""More gain nothing on two cores."""
_UNKNOWN = 131_072
"""Bytes of the cache for a token where the header does not tell: those of a model with 8 billion weights."""
_ABSURD = 1 << 24
"""A number of layers, heads or tokens that no model has; its header is damaged."""
_ASSUMED = 1 << 31
"""Bytes for all slots where nobody knows how much memory is free."""


class Room(NamedTuple):
    """What a server gets."""

    context: int
    """Tokens of one slot."""
    slots: int


def room(path: Path, calls: int, *, free: int | None) -> Room:
    """Choose the slots of a server for so many calls at a time, and the context of each.

    The context is what the model was trained for, at most `LONGEST`, and does not depend on the number of calls: what
    fits into a prompt must not. There is a slot for each call, at most `MOST_SLOTS`. All of them together take at most
    half of the memory that is left beside the weights; if that is too little there are fewer slots, and if it is too
    little for one, its context is shorter.

    Args:
        path: A GGUF file.
        calls: How many calls will be under way at one time.
        free: Bytes of memory that can be had; None is not known, and taken for enough for one slot.
    """
    trained, size = _shape(path)
    context = max(min(LONGEST, trained), SHORTEST)
    if free is None:
        tokens = max(_ASSUMED // size, context)
    else:
        tokens = max(free - path.stat().st_size, 0) // 2 // size
        context = max(min(context, tokens), SHORTEST)
    return Room(context, max(min(calls, MOST_SLOTS, tokens // context), 1))


def _shape(path: Path) -> tuple[int, int]:
    """The longest text that a model was trained on, in tokens, and the bytes that its cache takes for a token."""
    found: dict[str, Value] = {}
    for key, value in header(path):
        if key.startswith("tokenizer."):  # long lists, and nothing about the shape after them
            break
        found[key] = value

    def number(name: str) -> int:
        value = found.get(f"{found.get('general.architecture')}.{name}")
        return value if isinstance(value, int) and 0 < value < _ABSURD else 0

    layers, heads = number("block_count"), number("attention.head_count")
    width = number("embedding_length") // heads if heads else 0
    both = (number("attention.key_length") or width) + (number("attention.value_length") or width)
    size = 2 * layers * (number("attention.head_count_kv") or heads) * both  # in 16 bits each
    return number("context_length") or LONGEST, size or _UNKNOWN


def usable_cores() -> int:
    """Count the cores this process may use, two hardware threads of one core as one."""
    try:
        usable = os.sched_getaffinity(0)
        topology = Path("/sys/devices/system/cpu")
        cores = len({(topology / f"cpu{cpu}/topology/thread_siblings_list").read_text() for cpu in usable})
    except (AttributeError, OSError):  # not Linux, or a sandbox
        cores = max(1, (os.cpu_count() or 1) // 2)
    with suppress(OSError, ValueError):  # a container may have less: "200000 100000" is two cores, "max ..." is all
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        cores = max(1, min(cores, int(quota) // int(period)))
    return cores


def free_memory() -> int | None:
    """Bytes that can still be had, of the machine and of the container; None where that is not known."""
    sizes = []
    with suppress(OSError, ValueError):
        found = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text())
        sizes += [int(found[1]) * 1024] if found else []
        limit = Path("/sys/fs/cgroup/memory.max").read_text().strip()
        used = int(Path("/sys/fs/cgroup/memory.current").read_text())
        sizes += [int(limit) - used] if limit.isdecimal() else []
    return min(sizes, default=None)
