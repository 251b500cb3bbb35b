"""What an event loop closes at its end: connections belong to the loop that made them."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack

_ENDS: dict[asyncio.AbstractEventLoop, tuple[AsyncExitStack, AsyncGenerator[None]]] = {}


async def at_loop_end(close: Callable[[], Awaitable[object]]) -> None:
    """Have something closed when the running event loop ends.

    An event loop that ends (asyncio.run, pytest, a notebook cell's thread) closes its async generators: the one moment
    at which connections can still be closed in order, without asking users to do it.
    """
    loop = asyncio.get_running_loop()
    if loop not in _ENDS:
        stack = AsyncExitStack()
        closer = _close_with(loop, stack)
        _ENDS[loop] = (stack, closer)
        await anext(closer)
    _ENDS[loop][0].push_async_callback(close)


async def _close_with(loop: asyncio.AbstractEventLoop, stack: AsyncExitStack) -> AsyncGenerator[None]:
    try:
        yield
    finally:
        _ENDS.pop(loop, None)
        await stack.aclose()
