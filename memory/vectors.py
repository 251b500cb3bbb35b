"""An exact scan: unit vectors in one array, of which the nearest to a query are found by one pass over their bytes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from disputatio.errors import StoreError, require

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float32]


def unit(vectors: Sequence[Sequence[float]], texts: int, name: str) -> "Array":
    """The vectors of a model as an array of rows of length 1; what has no direction stays zero.

    Raises:
        StoreError: If there is not one vector a text, or they are of different or no dimensions, or no numbers.
    """
    np = require("numpy", extra="memory")
    try:
        array = np.asarray(vectors, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise StoreError(f"{name} gave vectors of different dimensions, or what is no number") from error
    if array.ndim != 2 or len(array) != texts or not array.shape[1]:
        raise StoreError(f"{name} gave an array of shape {array.shape} for {texts} texts; one vector a text is needed")
    if not np.isfinite(array).all():
        raise StoreError(f"{name} gave a vector with a number that is not finite")
    lengths = np.linalg.norm(array, axis=1, keepdims=True)
    rows: Array = array / np.where(lengths > 0, lengths, 1)
    return rows


class Vectors:
    """Unit vectors with the ids of their items, which rise. The arrays grow by half, so that adding stays cheap.

    A scan is as fast as memory is read. It therefore reads a copy of the vectors in bytes, a quarter as large; those
    that by the error of the rounding may be among the nearest, some dozens, are then compared exactly.
    """

    def __init__(self, dimensions: int) -> None:
        """Make an empty one."""
        self._np = require("numpy", extra="memory")
        self._products = require("simsimd", extra="memory").cdist
        self._ids: NDArray[np.int64] = self._np.empty(0, self._np.int64)
        self._rows: Array = self._np.empty((0, dimensions), self._np.float32)
        self._bytes: NDArray[np.int8] = self._np.empty((0, dimensions), self._np.int8)
        self._steps: Array = self._np.empty(0, self._np.float32)
        self._error = 0.0
        self._length = 0

    def __len__(self) -> int:
        return self._length

    @property
    def last(self) -> int:
        """The highest id; 0 if there is none."""
        return int(self._ids[self._length - 1]) if self._length else 0

    def add(self, ids: Sequence[int], rows: "Array") -> None:
        """Add vectors of items with higher ids than all there are."""
        length = self._length + len(ids)
        if length > len(self._ids):
            room = max(length, len(self._ids) * 3 // 2)
            for name in ("_ids", "_rows", "_bytes", "_steps"):
                old = getattr(self, name)
                wider = self._np.empty((room, *old.shape[1:]), old.dtype)
                wider[: self._length] = old[: self._length]
                setattr(self, name, wider)
        new = slice(self._length, length)
        self._ids[new], self._rows[new] = ids, rows
        self._bytes[new], self._steps[new], error = self._rounded(rows)
        self._error, self._length = max(self._error, error), length

    def keep(self, ids: Sequence[int]) -> None:
        """Drop all but these."""
        kept = self._np.flatnonzero(self._np.isin(self._ids[: self._length], self._np.asarray(ids, self._np.int64)))
        self._ids, self._rows, self._length = self._ids[kept], self._rows[kept], len(kept)
        self._bytes, self._steps = self._bytes[kept], self._steps[kept]

    def nearest(self, query: "Array", k: int) -> list[tuple[int, float]]:
        """The ids and cosines of the k vectors nearest to a unit vector, the nearest first; of equals the newest."""
        if not self._length or k <= 0:
            return []
        np, length = self._np, self._length
        asked, step, error = self._rounded(query[None])
        products = np.asarray(self._products(asked, self._bytes[:length], "dot"))[0]
        cosines = products.astype(np.float32) * (self._steps[:length] * step)
        # By Cauchy and Schwarz: how far a cosine of what was rounded can be from the true one.
        error += self._error * (1 + error) + 1e-5
        # The k-th best of the highest of each 64 is at most the k-th best of all, and is found faster.
        whole = length // 64 * 64
        highest = cosines[:whole].reshape(64, -1).max(axis=0) if k * 64 <= whole else cosines
        bound = np.partition(highest, -k)[-k] - 2 * error if k <= len(highest) else -np.inf
        found = np.flatnonzero(cosines >= bound)
        # Not a matrix product: that is BLAS with threads, which take 12 ms for 0.2 where other programs are at work.
        exact = np.vecdot(self._rows[found], query)
        best = np.lexsort((-found, -exact))[:k]
        return [(int(self._ids[found[place]]), float(exact[place])) for place in best]

    def _rounded(self, rows: "Array") -> tuple[Any, Any, float]:
        """Vectors in whole steps of their own, the steps, and the longest distance from what was rounded."""
        np = self._np
        steps = np.maximum(np.abs(rows).max(axis=1, initial=0), 1e-30) / 127
        whole = np.rint(rows / steps[:, None])
        error = np.linalg.norm(rows - whole * steps[:, None], axis=1).max(initial=0)
        return whole.astype(np.int8), steps, float(error)

    def row(self, id_: int) -> "Array":
        """The vector of an item that is there."""
        row: Array = self._rows[self._np.searchsorted(self._ids[: self._length], id_)]
        return row
