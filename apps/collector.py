"""The garbage collector of a process that holds many runs at once."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

YOUNG = 20_000
"""Objects that are made before they are looked at; a run in flight holds some 600."""


@contextmanager
def swept_seldom() -> Iterator[None]:
    """Sweep what runs make seldom, and what the imports have left not at all.

    Runs leave no cycles behind, so the sweeps find nothing; with 200 runs at once they are a third of the CPU that a
    call costs (benchmarks/README.md).
    """
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(YOUNG, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
