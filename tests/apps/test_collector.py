"""The garbage collector of commands that hold many runs at once."""

import gc

import pytest

from disputatio.apps.collector import YOUNG, swept_seldom


@pytest.mark.parametrize("fails", [False, True])
def test_the_collector_is_as_it_was_afterwards(fails: bool) -> None:
    before, frozen = gc.get_threshold(), gc.get_freeze_count()

    def work() -> None:
        with swept_seldom():
            assert gc.get_threshold() == (YOUNG, *before[1:])
            assert gc.get_freeze_count() > frozen
            if fails:
                raise ValueError

    if fails:
        with pytest.raises(ValueError, match=r"^$"):
            work()
    else:
        work()
    assert (gc.get_threshold(), gc.get_freeze_count()) == (before, frozen)
