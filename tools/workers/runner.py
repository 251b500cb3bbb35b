"""Runner: the main program of a worker's process. It limits itself, does one piece of work, and ends.

python -I runner.py WORKER, with {"given": ..., "seconds": ..., "memory": ...} on standard input; one JSON object on
standard output.
"""

import json
import os
import signal
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any


def main() -> None:
    """Do the work, and print what comes of it."""
    asked = json.loads(sys.stdin.buffer.read())
    answers = os.dup(1)
    os.dup2(2, 1)  # what a library prints is no answer
    try:
        place = Path(__file__).with_name(f"{sys.argv[1]}.py")
        spec = spec_from_file_location(f"disputatio_worker_{sys.argv[1]}", place)
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        limit(asked["seconds"], asked["memory"])
        answer: dict[str, Any] = {"result": module.work(asked["given"])}
    except ModuleNotFoundError as error:
        answer = {"missing": error.name}
    except (MemoryError, RecursionError) as error:
        answer = {"error": f"it needs too much memory ({type(error).__name__}); ask for something smaller"}
    except Exception as error:  # noqa: BLE001 - whatever a library raises is the model's to read
        answer = {"error": str(error) if type(error) is ValueError else f"{type(error).__name__}: {error}"}
    with os.fdopen(answers, "wb") as out:
        out.write(json.dumps(answer).encode())
        out.flush()
        os._exit(0)  # a thread of the library must not keep the process


def limit(seconds: float, memory: int) -> None:
    """Limit time and memory as far as the system can; the parent kills what is left."""
    if sys.platform == "win32":
        return
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (memory, most))
    used = resource.getrusage(resource.RUSAGE_SELF)
    processor = int(used.ru_utime + used.ru_stime + seconds) + 2
    resource.setrlimit(resource.RLIMIT_CPU, (processor, processor + 1))
    # The system ends the process: a handler of Python's would wait for the library's code to return.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, seconds)


if __name__ == "__main__":
    main()
