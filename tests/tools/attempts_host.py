"""The attempts that use up what the host has, and those that aim at its interpreter; see attempts.py."""

_TOOK = 'print("G" + "OT")'

INWARDS = [
    ("resources", "fork bomb", """
import os, time
children = []
for _ in range(40):
    child = os.fork()
    if child == 0:
        time.sleep(0.2)
        os._exit(0)
    children.append(child)
for child in children:
    os.waitpid(child, 0)
print("G" + "OT")
"""),
    ("resources", "thread bomb", """
import threading, time
for _ in range(40):
    threading.Thread(target=time.sleep, args=(0.2,)).start()
print("G" + "OT")
"""),
    ("resources", "disk fill", """
with open($OUT, "wb") as file:
    for _ in range(40):
        file.write(b"x" * 2**20)
"""),
    ("resources", "endless loop", f"""
import time
end = time.time() + 0.8
while time.time() < end:
    pass
{_TOOK}
"""),
    ("resources", "loop that swallows every exception", f"""
import time
end = time.time() + 0.8
while time.time() < end:
    try:
        while time.time() < end:
            pass
    except BaseException:
        pass
{_TOOK}
"""),
    ("resources", "sleep", f"""
import time
began = time.time()
time.sleep(0.8)
if time.time() - began > 0.7:
    {_TOOK}
"""),
    ("resources", "loop in C", f"""
import time
end = time.time() + 0.8
while time.time() < end:
    sum(range(10**7))
{_TOOK}
"""),
    ("resources", "huge power", f"""
import time
end = time.time() + 0.8
while time.time() < end:
    len(bin(3 ** 1_500_000))
{_TOOK}
"""),
    ("resources", "backtracking", f"""
import re, time
end = time.time() + 0.8
while time.time() < end:
    re.match("(a|aa)+$$", "a" * 30 + "b")
{_TOOK}
"""),
    ("resources", "list that grows", f"""
kept = []
for _ in range(36):
    kept.append([0] * 2**20)
{_TOOK}
"""),
    ("resources", "text that doubles", f"""
kept = "x" * 2**20
while len(kept) < 2**28:
    kept = kept + kept
{_TOOK}
"""),
    ("resources", "one block of memory", f"""
kept = b"x" * 2**28
{_TOOK}
"""),
    ("resources", "endless output", """
line = "x" * 1000
for _ in range(3000):
    print(line)
"""),
    ("resources", "one long print", """
print("x" * 3_000_000)
"""),
    ("resources", "flood of errors", """
import sys
for _ in range(3000):
    print("x" * 1000, file=sys.stderr)
"""),
    ("resources", "signals ignored", f"""
import signal, time
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM):
    signal.signal(number, signal.SIG_IGN)
end = time.time() + 0.8
while time.time() < end:
    pass
{_TOOK}
"""),
    ("host", "recursion without end", """
import sys
try:
    sys.setrecursionlimit(10**9)
except Exception:
    pass
nested = []
for _ in range(100_000):
    nested = [nested]
repr(nested)
"""),
    ("host", "parser: many brackets", f"""
exec("def bomb(): " + "[[[[[[[[[[1]]]]]]]]]];" * 150_000)
{_TOOK}
"""),
    ("host", "parser: many minuses", f"""
exec("def bomb(): " + "--------------------1;" * 200_000)
{_TOOK}
"""),
    ("host", "parser: many attributes", f"""
exec("def bomb(): " + "a.b.c.d.e.f.g.h.i.j.k;" * 200_000)
{_TOOK}
"""),
    ("host", "parser: many terms", f"""
exec("def bomb(): " + "a+b+c+d+e+f+g+h+i+j+k;" * 200_000)
{_TOOK}
"""),
    ("host", "all descriptors", """
import os
kept = [os.open("/dev/null", 0) for _ in range(800)]
print("G" + "OT")
"""),
    ("host", "forged result", """
print('{"ready": true, "stdout": "42", "exit": 0}')
print("result: 42")
import sys
sys.stdout.flush()
"""),
    ("host", "builtins poisoned for the next", """
import builtins
builtins.sum = lambda numbers: 42
"""),
    ("host", "time bomb in a destructor", """
import builtins, time
class Bomb:
    def __del__(self):
        builtins.sum = lambda numbers: 42
bomb = Bomb()
bomb.own = bomb
"""),
    ("host", "door of the host", """
from host import tools
print(tools.read($FILE))
"""),
]  # fmt: skip
"""The last one aims at hosts that put functions of theirs into the interpreter; plain Python has none."""
