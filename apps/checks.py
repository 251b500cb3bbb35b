"""Checks of the installation, each with what to do where something is wrong. Nothing is fetched or changed."""

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from hashlib import file_digest
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from pathlib import Path
from tempfile import TemporaryFile
from typing import Literal, NamedTuple

from packaging.requirements import Requirement
from rich.table import Table
from rich.text import Text

from disputatio.apps.output import put, show_parts
from disputatio.apps.tracing import endpoint
from disputatio.errors import DisputatioError
from disputatio.models import prices
from disputatio.models.backends import ANY_KEY
from disputatio.models.machine import free_memory, usable_cores
from disputatio.models.weights import FILE, SHA256, cache_folder
from disputatio.redaction import redactor
from disputatio.run_database import Database
from disputatio.run_server import database_at
from disputatio.telemetry import from_environment
from disputatio.tools.sandbox_check import check
from disputatio.tools.sandbox_monty import MontySandbox
from disputatio.tools.sandbox_wasi import WasiSandbox, is_warm
from disputatio.writing import plain

Status = Literal["ok", "off", "warn", "FAIL"]
"""`off` is what may be missing; the advice says how to get it."""
STYLES: dict[Status, str] = {"ok": "green", "off": "dim", "warn": "yellow", "FAIL": "bold red"}
ROOM = 200_000_000
"""Bytes that fetching the weights takes."""
LANGSMITH = ("LANGSMITH_TRACING", "LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING", "LANGCHAIN_TRACING_V2")
LITTLE = 1_000_000_000
"""Bytes below which disk or memory is said to be short."""


class Check(NamedTuple):
    """What was found of one thing."""

    name: str
    status: Status
    found: str
    advice: str = ""


def report(format: Literal["text", "json"]) -> int:
    """Print all checks.

    Returns:
        1 if one has failed, else 0.
    """
    found = [check for examine in CHECKS for check in examine()]
    failed = any(one.status == "FAIL" for one in found)
    if format == "json":
        put(json.dumps({"works": not failed, "checks": [one._asdict() for one in found]}, indent=2) + "\n")
    else:
        _print(found)
    return int(failed)


def _print(found: list[Check]) -> None:
    rows = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    rows.add_column(no_wrap=True)
    rows.add_column(no_wrap=True)
    rows.add_column(overflow="fold")
    for one in found:
        rows.add_row(Text(one.status, style=STYLES[one.status]), one.name, Text(plain(one.found)))
    wrong = [sum(one.status == status for one in found) for status in ("FAIL", "warn")]
    summary = "all is well" if not any(wrong) else f"{wrong[0]} failed, {wrong[1]} to look at"
    to_do = _advice("What to do", [one for one in found if one.status != "off"])
    to_add = _advice("What can be added", [one for one in found if one.status == "off"])
    show_parts(rows, *to_do, *to_add, Text(f"\n{summary}", style="bold"))


def _advice(title: str, given: list[Check]) -> list[Text]:
    """Each advice on a line of its own, which is not broken: it may be a command to be copied."""
    lines = [Text(f"  {one.name}: {plain(one.advice)}", style=STYLES[one.status]) for one in given if one.advice]
    return [Text(f"\n{title}", style="bold"), *lines] if lines else []


def _python() -> Iterator[Check]:
    here = f"{platform.python_implementation()} {platform.python_version()}, {platform.system()} {platform.machine()}"
    needed = metadata("disputatio")["Requires-Python"]
    fits = Requirement(f"python{needed}").specifier.contains(platform.python_version(), prereleases=True)
    yield Check("Python", "ok" if fits else "FAIL", here, "" if fits else f"use Python {needed}")


def _packages() -> Iterator[Check]:
    wanted = [Requirement(line) for line in requires("disputatio") or ()]
    plainly = [one for one in wanted if one.marker is None or one.marker.evaluate({"extra": ""})]
    wrong = [check for check in map(_package, plainly) if check]
    if not wrong:
        found = f"disputatio {version('disputatio')}; all {len(plainly)} libraries are within their ranges"
        yield Check("packages", "ok", found)
    yield from wrong


def _package(wanted: Requirement) -> Check | None:
    """What is wrong with a package, if anything."""
    there = _version(wanted)
    if there and wanted.specifier.contains(there, prereleases=True):
        return None
    found = f"{wanted.name} {there or 'is missing'}" + (f" is not {wanted.specifier}" if there else "")
    return Check("packages", "FAIL", found, f"pip install '{wanted.name}{wanted.specifier}'")


def _version(wanted: Requirement) -> str | None:
    try:
        return version(wanted.name)
    except PackageNotFoundError:
        return None


def _extras() -> Iterator[Check]:
    wanted = [Requirement(line) for line in requires("disputatio") or ()]
    for extra in metadata("disputatio").get_all("Provides-Extra") or ():
        parts = [one for one in wanted if one.marker and one.marker.evaluate({"extra": extra})]
        parts = [one for one in parts if not one.marker or not one.marker.evaluate({"extra": ""})]
        if extra == "dev":
            continue
        lacking = [one for one in parts if not _version(one)]
        outdated = [check for one in parts if one not in lacking for check in [_package(one)] if check]
        install = f"pip install 'disputatio[{extra}]'"
        if outdated:
            yield Check(f"extra {extra}", "warn", "; ".join(one.found for one in outdated), install)
        elif lacking:
            yield Check(f"extra {extra}", "off", "not installed", install)
        else:
            yield Check(f"extra {extra}", "ok", "installed")


def _engine() -> Iterator[Check]:
    # In a process of its own: an engine that was compiled for another processor ends the one that loads it.
    command = [sys.executable, "-P", "-c", "import xllamacpp; print(xllamacpp.__version__)"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode == 0:
        yield Check("embedded engine", "ok", f"llama.cpp by xllamacpp {done.stdout.strip()}")
        return
    last = (done.stderr.strip().splitlines() or [f"it ended with code {done.returncode}"])[-1]
    yield Check("embedded engine", "FAIL", last, "pip install --force-reinstall xllamacpp; or use another model")


def _weights() -> Iterator[Check]:
    folder = cache_folder()
    path = folder / FILE
    try:
        there = path.is_file()
        digest = _digest(path) if there else ""
    except OSError as error:
        yield Check(
            "weights", "FAIL", f"{path} cannot be read: {error.strerror}", "set DISPUTATIO_CACHE to another folder"
        )
        return
    if there:
        size = f"{path.stat().st_size / 1e6:.0f} MB"
        right = digest == SHA256
        found = f"{size} in {folder}, {'as they should be' if right else 'but not what they should be'}"
        yield Check("weights", "ok" if right else "FAIL", found, "" if right else f"delete {path}; it is fetched anew")
    writable = _is_writable(folder)
    if not there and writable:
        yield Check("weights", "ok", f"not there yet; fetched on first use (98 MB) into {folder}")
    if not writable:
        advice = "set DISPUTATIO_CACHE to a folder that can be written"
        yield Check("cache folder", "warn" if there else "FAIL", f"{folder} cannot be written", advice)
    free = shutil.disk_usage(_nearest(folder)).free
    short: Status = "FAIL" if free < ROOM and not there else "warn" if free < LITTLE else "ok"
    yield Check("disk", short, f"{free / 1e9:.1f} GB free", "" if short == "ok" else "free some")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _nearest(folder: Path) -> Path:
    """The folder, or the one that it would be made in."""
    return next((one for one in (folder, *folder.parents) if one.exists()), Path("/"))


def _is_writable(folder: Path) -> bool:
    try:
        with TemporaryFile(dir=_nearest(folder)):
            return True
    except OSError:
        return False


def _machine() -> Iterator[Check]:
    memory = free_memory()
    cores = usable_cores()
    size = f"{memory / 1e9:.1f} GB of memory are free" if memory is not None else "memory is not known here"
    short = memory is not None and memory < LITTLE
    advice = "the embedded model takes about 0.5 GB" if short else ""
    yield Check("machine", "warn" if short else "ok", f"{cores} core{'s' * (cores > 1)}; {size}", advice)


def _keys() -> Iterator[Check]:
    for name in ("OPENAI_API_KEY", ANY_KEY):
        value = os.environ.get(name, "")
        odd = value != value.strip() or any(ord(letter) < 33 or ord(letter) > 126 for letter in value)
        found = "not set" if not value else "set, but with spaces or letters that no key has" if odd else "set"
        yield Check(name, "warn" if odd else "ok", found, "set it again, without what stands around it" if odd else "")


def _prices() -> Iterator[Check]:
    path = prices.table_path()
    try:
        number = len(prices.table())
        yield Check("prices", "ok", f"{number} in {path}" if path.exists() else f"none known; there is no {path}")
    except DisputatioError as error:
        yield Check("prices", "FAIL", str(error), "correct it, or move it away")


def _runs() -> Iterator[Check]:
    try:
        database = database_at(None)
    except DisputatioError as error:
        yield Check("runs", "FAIL", str(error), "unset DISPUTATIO_RUNS, or correct it")
        return
    file = database.path if isinstance(database, Database) else None
    if file and not file.exists():
        yield Check("runs", "ok", f"none are kept yet; they would be in {database.name}")
        return
    try:
        if fault := database.fault():
            yield Check("runs", "FAIL", fault, "disputatio runs repair" if file else "see docs/runs.md")
            return
        with database.reading() as rows:
            [number] = rows.execute("SELECT count(*) FROM runs").fetchone()
        yield Check("runs", "ok", f"{number} in {database.name}, {database.size() / 1e6:.1f} MB")
    finally:
        database.close()


def _telemetry() -> Iterator[Check]:
    try:
        on = from_environment() is not None
    except DisputatioError as error:
        yield Check("telemetry", "FAIL", str(error), "unset DISPUTATIO_TRACE, or install it")
        return
    yield Check("telemetry", "ok", f"on: runs are sent to {redactor()(endpoint())}" if on else "off")
    if any(os.environ.get(name, "").lower() == "true" for name in LANGSMITH):
        yield Check(
            "LangSmith", "warn", "on: LangGraph sends questions and all that is said", "unset LANGSMITH_TRACING"
        )


def _terminal() -> Iterator[Check]:
    encoding = (sys.stdout.encoding or "none").lower()
    good = encoding.replace("-", "") == "utf8"
    yield Check("terminal", "ok" if good else "warn", f"writes {encoding}", "" if good else "set PYTHONUTF8=1")


def _sandboxes() -> Iterator[Check]:
    for sandbox in (MontySandbox(), WasiSandbox()) if is_warm() else (MontySandbox(),):
        wrong = check(sandbox)
        walls = sandbox.walls if isinstance(sandbox, WasiSandbox) else ()
        found = wrong or "; ".join([sandbox.offers, *([f"held by {' and '.join(walls)}"] if walls else [])])
        advice = "no code of a model is run in it; install another version" if wrong else ""
        yield Check(f"sandbox {sandbox.name}", "FAIL" if wrong else "ok", found, advice)
        sandbox.close()
    if not is_warm():
        needed = "pip install 'disputatio[python]' && disputatio warm"
        yield Check("sandbox wasi", "off", "not there; it is for numpy, sympy and matplotlib", needed)


CHECKS: tuple[Callable[[], Iterator[Check]], ...] = (
    _python,
    _packages,
    _engine,
    _weights,
    _machine,
    _keys,
    _prices,
    _runs,
    _extras,
    _sandboxes,
    _telemetry,
    _terminal,
)
