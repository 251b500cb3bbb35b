"""Sixty-one attempts to get out of a sandbox, or to bring its host down, as data.

$FILE and $CODE are paths of planted files that hold a secret, $VAR names a variable of the environment that does, $OUT
is a path at which nothing is, $PORT and $UDP are ports and $SOCKET and $ABSTRACT names at which somebody listens,
$PARENT is a process of the host, $MARK goes into the arguments of what it leaves behind. `GOT` stands for a
word that must not be printed; no line of the code contains it.

An attempt gets through if a secret or `GOT` is printed, or a flood of text; if something is at $OUT, somebody was
contacted, the process is gone or one was left behind. Those of the group `host` aim at the interpreter that the code
shares with its host; for them the host is asked for a sum afterwards.
"""

from typing import NamedTuple


class Attempt(NamedTuple):
    group: str
    name: str
    code: str


OUTWARDS = [
    Attempt("walk", "subclasses to popen", """
found = [c for c in ().__class__.__base__.__subclasses__() if c.__name__ == "_wrap_close"]
print(found[0].__init__.__globals__["popen"]("cat " + $FILE).read())
"""),
    Attempt("walk", "attribute name of a subclass of str", """
class Name(str):
    def startswith(self, *prefixes):
        return False
print(getattr(getattr(print, Name("__self__")), Name("__import__"))("os").environ)
"""),
    Attempt("walk", "field walk of str.format", """
import random
print("{0._os.environ}".format(random))
"""),
    Attempt("walk", "frames of a traceback", """
try:
    1 / 0
except ZeroDivisionError as error:
    frame = error.__traceback__.tb_frame
    print(frame.f_builtins["__import__"]("os").environ)
"""),
    Attempt("walk", "frame of a generator", """
frames = (one for one in [1])
print(frames.gi_frame.f_builtins["open"]($FILE).read())
"""),
    Attempt("walk", "frame of a coroutine", """
async def wait():
    pass
waiting = wait()
print(waiting.cr_frame.f_builtins["open"]($FILE).read())
waiting.close()
"""),
    Attempt("walk", "code object by hand, eval and exec", """
def plain():
    return 1
def model():
    return __import__("os").environ
made = model.__code__
plain.__code__ = plain.__code__.replace(
    co_code=made.co_code, co_consts=made.co_consts, co_names=made.co_names, co_stacksize=made.co_stacksize)
print(plain())
exec("print(eval('open')(" + repr($FILE) + ").read())")
"""),
    Attempt("walk", "module chain from random", """
import random
print(random._os.popen("cat " + $FILE).read())
"""),
    Attempt("walk", "module chain from statistics", """
import statistics
print(statistics.sys.modules["os"].environ)
"""),
    Attempt("walk", "f-string and format_map", """
import random
print(f"{random._os.environ}")
print("{m._os.environ}".format_map({"m": random}))
"""),
    Attempt("walk", "format through globals of a method", """
import logging
print("{0.__init__.__globals__[os].environ}".format(logging.Handler()))
"""),
    Attempt("walk", "numpy or csv reads a file of the host", """
try:
    import numpy
    print(numpy.loadtxt($FILE, dtype=str))
except ImportError:
    import csv
    print(list(csv.reader(open($FILE))))
"""),
    Attempt("walk", "augmented assignment of a dunder", """
class Box:
    pass
Box.__name__ += "x"
box = Box()
box.kept = []
box.kept += [Box.__init__.__objclass__.__subclasses__()]
wrapped = [c for c in box.kept[0] if c.__name__ == "_wrap_close"]
print(wrapped[0].__init__.__globals__["environ"])
"""),
    Attempt("walk", "setattr on a function", """
def harmless():
    return 1
setattr(harmless, "found", getattr(harmless, "__glo" + "bals__"))
print(harmless.found["__builtins__"].__import__("os").environ)
"""),
    Attempt("walk", "decorators call for us", """
@print
@(lambda path: open(path).read())
@(lambda function: $FILE)
def anything():
    pass
"""),
    Attempt("file", "environment", """
import os
print(dict(os.environ))
"""),
    Attempt("file", "passwords of the machine", """
if "root:" in open("/etc/passwd").read():
    print("G" + "OT")
"""),
    Attempt("file", "canary by many ways", """
import os
from pathlib import Path
def one(): return open($FILE).read()
def two(): return os.read(os.open($FILE, 0), 99)
def three(): return Path($FILE).read_text()
def four(): return os.popen("cat " + $FILE).read()
for way in (one, two, three, four):
    try:
        print(way())
    except Exception:
        pass
"""),
    Attempt("file", "traversal", """
import os
for start in ("", "/proc/self/root", "/proc/self/cwd/../../../../../../../../../../../..", "../" * 30):
    try:
        print(open(start + $FILE).read())
    except OSError:
        pass
"""),
    Attempt("file", "writing by many ways", """
import os
from pathlib import Path
def one(): open($OUT, "w").close()
def two(): os.close(os.open($OUT, os.O_CREAT | os.O_WRONLY))
def three(): Path($OUT).touch()
def four(): os.mkdir($OUT)
for way in (one, two, three, four):
    try:
        way()
    except Exception:
        pass
"""),
    Attempt("file", "listing", """
import os
folder = $FILE.rsplit("/", 1)[0]
if any(name.endswith(".txt") for name in os.listdir(folder)):
    print("G" + "OT")
"""),
    Attempt("process", "subprocess by many ways", """
import os
def one():
    os.system("touch " + $OUT)
def two():
    import subprocess
    subprocess.run(["touch", $OUT])
def three():
    os.spawnlp(os.P_WAIT, "touch", "touch", $OUT)
for way in (one, two, three):
    try:
        way()
    except Exception:
        pass
"""),
    Attempt("process", "id in a child", """
import os
if "uid=" in os.popen("id").read():
    print("G" + "OT")
"""),
    Attempt("process", "kill the parent", """
import os, time
os.kill($PARENT, 9)
time.sleep(0.1)
"""),
    Attempt("process", "daemon left behind", """
import os, sys
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execvp("sleep", [$MARK, "20"])
    os._exit(0)
os.wait()
import time
time.sleep(0.2)
"""),
    Attempt("process", "memory of the parent", """
for line in open("/proc/%d/maps" % $PARENT):
    if "[heap]" in line:
        first, last = (int(one, 16) for one in line.split()[0].split("-"))
        memory = open("/proc/%d/mem" % $PARENT, "rb")
        memory.seek(first)
        if len(memory.read(4096)) == 4096:
            print("G" + "OT")
"""),
    Attempt("network", "TCP", """
import socket
socket.create_connection(("127.0.0.1", $PORT), timeout=1).sendall(b"x")
"""),
    Attempt("network", "HTTP", """
import http.client
connection = http.client.HTTPConnection("127.0.0.1", $PORT, timeout=1)
connection.request("GET", "/")
"""),
    Attempt("network", "UDP", """
import socket
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", $UDP))
"""),
    Attempt("network", "Unix and abstract sockets", """
import socket
for place in ($SOCKET, chr(0) + $ABSTRACT):
    socket.socket(socket.AF_UNIX).connect(place)
"""),
    Attempt("network", "listening", """
import socket
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
server.accept()
print("G" + "OT")
"""),
    Attempt("native", "ctypes", """
import ctypes
libc = ctypes.CDLL(None)
found = ctypes.create_string_buffer(99)
libc.read(libc.open($FILE.encode(), 0), found, 99)
print(found.value)
"""),
    Attempt("native", "pickle", """
import os, pickle
class Bomb:
    def __reduce__(self):
        return (os.system, ("touch " + $OUT,))
pickle.loads(pickle.dumps(Bomb()))
"""),
    Attempt("native", "imports by many ways", """
def one():
    import sys, os
    sys.path.insert(0, os.path.dirname($CODE))
    import planted
    return planted.secret
def two():
    import importlib.util
    spec = importlib.util.spec_from_file_location("planted", $CODE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.secret
def three():
    import runpy
    return runpy.run_path($CODE)["secret"]
for way in (one, two, three):
    try:
        print(way())
    except Exception:
        pass
"""),
    Attempt("native", "raise its own limits", """
import resource
resource.setrlimit(resource.RLIMIT_CORE, (resource.getrlimit(resource.RLIMIT_CORE)[1],) * 2)
print("G" + "OT")
"""),
]  # fmt: skip
