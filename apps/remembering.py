"""Remembering: the memory of a run of the command line, for the strategies that have a use for one."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from disputatio.apps.output import complain
from disputatio.context import Context
from disputatio.errors import ConfigurationError, StoreError

if TYPE_CHECKING:
    from disputatio.apps.settings import Settings
    from disputatio.strategies import Strategy


@asynccontextmanager
async def remembering(strategy: "Strategy[...]", context: Context, settings: "Settings") -> AsyncIterator[None]:
    """Give a run its memory, if its strategy reads or writes one and it was not told to do without.

    Raises:
        ConfigurationError: If it was told both.
        StoreError: If a memory that was named cannot be used; without that of the user's data folder a run goes on.
    """
    if settings.memory and settings.no_memory:
        raise ConfigurationError("--memory and --no-memory contradict each other")
    async with AsyncExitStack() as stack:
        if settings.memory and not strategy.remembers:
            complain(f"{strategy.name} remembers nothing: {settings.memory} is not used")
        elif strategy.remembers and not settings.no_memory and not settings.replay:
            from disputatio.memory import open_store

            try:
                context.store = await stack.enter_async_context(open_store(settings.memory))
            except StoreError as error:
                if settings.memory:
                    raise
                complain(f"this run remembers nothing: {error}")
        yield
