"""Folder: what may be read of one folder, and nothing outside it, whatever happens to the folder meanwhile.

A path is walked one name at a time from an open folder to the next, without following links, and what is opened at
the end is looked at again. So there is no moment between looking and opening in which a link could be put in the way.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from disputatio.errors import ConfigurationError, StoreError, ToolError

MAX_FILE = 20 * 2**20
"""Bytes of one file that are read."""
MAX_FILES = 20_000
"""Files of a folder that are looked at."""
_HOW = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)


@dataclass(frozen=True)
class Folder:
    """A folder whose files can be read: plain files with one name, under names that are not hidden.

    Raises:
        StoreError: If there is no such folder.
        ConfigurationError: If the system cannot open a file from an open folder; Linux and macOS can.
    """

    path: Path
    hidden: bool = False
    """Whether names that begin with a dot count, too."""

    def __post_init__(self) -> None:
        if os.open not in os.supports_dir_fd or not hasattr(os, "O_NOFOLLOW"):
            raise ConfigurationError("this system cannot hold a file reader to a folder; Linux and macOS can")
        object.__setattr__(self, "path", Path(self.path).resolve())
        if not self.path.is_dir():
            raise StoreError(f"there is no folder {str(self.path)!r}")

    @contextmanager
    def opened(self, path: str) -> Iterator[BinaryIO]:
        """Open a file for reading.

        Raises:
            ToolError: If it is not there, or may not be read; the message is written for the model.
        """
        *folders, name = self._names(path) or [""]
        if not name:
            raise ToolError(f"{path!r} is no file")
        with self._walked(folders, path) as place, self._file(name, place, path) as file:
            yield file

    def entries(self, path: str = "") -> list[tuple[str, int | None]]:
        """The names in a folder of it with their sizes in bytes, in order; folders have none.

        Raises:
            ToolError: If there is no such folder.
        """
        with self._walked(self._names(path), path) as place, os.scandir(place) as found:
            shown = [one for one in found if self._is_shown(one.name)]
            kinds = [(one.name, one.stat(follow_symlinks=False)) for one in shown]
        listed = [(f"{name}/", None) for name, kind in kinds if stat.S_ISDIR(kind.st_mode)]
        return sorted([*listed, *((name, kind.st_size) for name, kind in kinds if _is_plain(kind))])

    def files(self, path: str = "") -> Iterator[tuple[str, BinaryIO]]:
        """The files below a folder of it, opened, with their paths; what may not be read is left out.

        Raises:
            ToolError: If there is no such folder.
        """
        seen = 0
        with self._walked(self._names(path), path) as start:
            for place, folders, names, number in os.fwalk(".", dir_fd=start):
                folders[:] = sorted(name for name in folders if self._is_shown(name))
                for name in sorted(name for name in names if self._is_shown(name)):
                    seen += 1
                    if seen > MAX_FILES:
                        return
                    with suppress(ToolError), self._file(name, number, name) as file:
                        yield os.path.normpath(os.path.join(path.strip("/"), place, name)), file

    def _names(self, path: str) -> list[str]:
        names = [name for name in path.split("/") if name not in ("", ".")]
        if path.startswith("/") or "\0" in path or ".." in names:
            raise ToolError(f"{path[:200]!r} is no path within the folder; paths have no '..' and no '/' in front")
        if not all(map(self._is_shown, names)):
            raise ToolError(f"{path[:200]!r} is hidden")
        return names

    def _is_shown(self, name: str) -> bool:
        return self.hidden or not name.startswith(".")

    @contextmanager
    def _walked(self, names: list[str], path: str) -> Iterator[int]:
        """The open folder to which these names lead."""
        place = os.open(self.path, _HOW | os.O_DIRECTORY)
        try:
            for name in names:
                with _told(path):
                    further = os.open(name, _HOW | os.O_DIRECTORY, dir_fd=place)
                os.close(place)
                place = further
            yield place
        finally:
            os.close(place)

    @contextmanager
    def _file(self, name: str, place: int, path: str) -> Iterator[BinaryIO]:
        with _told(path):
            number = os.open(name, _HOW, dir_fd=place)
        with os.fdopen(number, "rb") as file:
            if not _is_plain(os.fstat(number)):
                raise ToolError(f"{path[:200]!r} is no plain file with one name")
            yield file


def _is_plain(found: os.stat_result) -> bool:
    """Whether it is a file, and has no second name: that one could lie anywhere."""
    return stat.S_ISREG(found.st_mode) and found.st_nlink == 1


@contextmanager
def _told(path: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no path"
        raise ToolError(f"{path[:200]!r} cannot be read: {reason}") from error
