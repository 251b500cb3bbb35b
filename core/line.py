"""Line: who waits for a place that another gives up, across event loops and threads."""

import asyncio
from collections import deque
from dataclasses import dataclass, field


@dataclass(eq=False)
class Line:
    """First come, first called. Its owner's lock is held around each method."""

    _places: "deque[asyncio.Future[None]]" = field(default_factory=deque)

    def __len__(self) -> int:
        return len(self._places)

    def join(self, *, first: bool = False) -> "asyncio.Future[None]":
        """Queue at the end, or at the head; what comes back is done when it is called."""
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if first:
            self._places.appendleft(place)
        else:
            self._places.append(place)
        return place

    def leave(self, place: "asyncio.Future[None]") -> bool:
        """Give up waiting; whether it was still in the line, and not called already."""
        if place not in self._places:
            return False
        self._places.remove(place)
        return True

    def call(self) -> bool:
        """Call the next whose event loop still runs; whether there was one."""
        while self._places:
            place = self._places.popleft()
            try:
                place.get_loop().call_soon_threadsafe(_tell, place)
            except RuntimeError:  # its event loop has ended
                continue
            return True
        return False


def _tell(place: "asyncio.Future[None]") -> None:
    if not place.done():
        place.set_result(None)
