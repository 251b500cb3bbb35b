"""Confinement: takes from a process of Linux what the work ahead of it does not need, by Landlock and seccomp.

Landlock leaves the files that are named; seccomp leaves the system calls that are named, which open no connection and
start no process. Neither needs root, and neither can be undone. Only the standard library is used: `wasi_worker.py`
runs this in a process of its own.
"""

import ctypes
import errno
import os
import sys
from collections.abc import Iterable

CALLS = (
    "access", "arch_prctl", "brk", "clock_getres", "clock_gettime", "clock_nanosleep", "clone", "close",
    "close_range", "dup", "dup2", "dup3", "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_wait", "eventfd2",
    "exit", "exit_group", "faccessat", "faccessat2", "fadvise64", "fallocate", "fcntl", "fdatasync", "flock",
    "fstat", "fstatfs", "fsync", "ftruncate", "futex", "getcwd", "getdents64", "getegid", "geteuid", "getgid",
    "getpid", "getppid", "getpriority", "getrandom", "getresgid", "getresuid", "getrlimit", "getrusage", "gettid",
    "gettimeofday", "getuid", "ioctl", "lseek", "lstat", "madvise", "membarrier", "mincore", "mkdir", "mkdirat",
    "mlock", "mmap", "mprotect", "mremap", "msync", "munlock", "munmap", "nanosleep", "newfstatat", "open",
    "openat", "openat2", "pipe2", "poll", "ppoll", "pread64", "preadv", "pselect6", "pwrite64", "pwritev", "read",
    "readlink", "readlinkat", "readv", "renameat", "restart_syscall", "rmdir", "rseq", "rt_sigaction",
    "rt_sigpending", "rt_sigprocmask", "rt_sigreturn", "rt_sigtimedwait", "sched_getaffinity", "sched_yield",
    "select", "set_robust_list", "set_tid_address", "sigaltstack", "stat", "statfs", "statx", "sysinfo", "time",
    "times", "tgkill", "umask", "uname", "unlink", "unlinkat", "utimensat", "write", "writev",
)  # fmt: skip
"""System calls that stay. None makes a socket, a process or a link, runs a program, or looks into another process."""
_READ, _WRITE = 0b1100, 0b1111_1111_1111_1110 & ~0b1100
_ABI_FILES = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
_ALLOW, _CLONE_THREAD = 0x7FFF0000, 0x00010000
_SAME, _MASKED = 4, 7  # how libseccomp compares an argument
_SYNC, _NO_NEW_PRIVS, _DUMPABLE = 4, 38, 4


class _Compared(ctypes.Structure):
    _fields_ = (("place", ctypes.c_uint), ("how", ctypes.c_int), ("one", ctypes.c_uint64), ("other", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


def files(readable: Iterable[str], writable: Iterable[str]) -> str:
    """Leave this thread, and those that it starts, the files below some folders; no TCP, no signals to others.

    Returns:
        What holds now, in words; empty if the kernel has no Landlock.

    Raises:
        OSError: If the kernel has it and refuses.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if not sys.platform.startswith("linux") or (abi := libc.syscall(444, None, 0, 1)) < 1:
        return ""
    every = (1 << _ABI_FILES.get(abi, 16)) - 1
    handled = (ctypes.c_uint64 * 3)(every, 0b11 if abi >= 4 else 0, 0b11 if abi >= 6 else 0)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    rules = _checked(libc.syscall(444, handled, size, 0))
    _checked(libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0))
    for folder, rights in [*((one, _READ) for one in readable), *((one, _READ | _WRITE) for one in writable)]:
        if os.path.exists(folder):
            handle = os.open(folder, os.O_PATH | os.O_CLOEXEC)
            kept = rights & every if os.path.isdir(folder) else rights & every & 0b110
            _checked(libc.syscall(445, rules, 1, ctypes.byref(_Beneath(kept, handle)), 0))
            os.close(handle)
    _checked(libc.syscall(446, rules, 0))
    os.close(rules)
    return f"Landlock {abi}"


def calls() -> str:
    """Leave this process, all its threads, the system calls in `CALLS`; others fail with EPERM.

    Returns:
        What holds now, in words; empty if there is no libseccomp.

    Raises:
        OSError: If the kernel refuses.
    """
    try:
        lib = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    except OSError:
        return ""
    lib.seccomp_init.restype = ctypes.c_void_p
    rules = ctypes.c_void_p(lib.seccomp_init(0x00050000 | errno.EPERM))
    only = {"clone": _Compared(0, _MASKED, _CLONE_THREAD, _CLONE_THREAD), "tgkill": _Compared(0, _SAME, os.getpid(), 0)}
    for name in (*CALLS, "clone3"):
        number = lib.seccomp_syscall_resolve_name(name.encode())
        if number < 0:  # this machine has no such call
            continue
        action = _ALLOW if name != "clone3" else 0x00050000 | errno.ENOSYS  # its arguments cannot be looked at
        compared = (_Compared * 1)(only[name]) if name in only else None
        _refused(lib.seccomp_rule_add_array(rules, action, number, 1 if compared else 0, compared))
    _refused(lib.seccomp_attr_set(rules, _SYNC, 1))
    ctypes.CDLL(None).prctl(_DUMPABLE, 0, 0, 0, 0)
    _refused(lib.seccomp_load(rules))
    lib.seccomp_release(rules)
    return "seccomp"


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def _refused(result: int) -> None:
    if result < 0:
        raise OSError(-result, os.strerror(-result))
