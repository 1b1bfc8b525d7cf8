"""What a process may know of the machine and of other processes: free ports, living pids, dying with the parent."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import signal
import socket
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PORT_TRIES = 16


def die_with_parent(parent: int, signum: signal.Signals = signal.SIGTERM) -> None:
    """Ask the kernel to signal this process when its parent dies, even by ``kill -9`` (Linux; elsewhere nothing).

    ``parent`` is the pid the parent told us: if it died before we asked, the signal is raised at once.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signum.value, 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signum)


def alive(pid: int) -> bool:
    """Whether a process with this pid runs on this machine."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def port_is_free(host: str, port: int, *kinds: socket.SocketKind) -> bool:
    """Whether this host and port can be bound now, over every one of ``kinds``.

    They are SOCK_STREAM for TCP, SOCK_DGRAM for UDP.
    """
    return all(_can_bind(host, port, kind) for kind in kinds)


def free_port(host: str, *kinds: socket.SocketKind) -> int:
    """Return a port that nobody holds at this moment, over any of ``kinds``. Raises ``OSError`` when none is found."""
    for _ in range(_PORT_TRIES):
        with socket.socket(socket.AF_INET, kinds[0]) as probe:
            probe.bind((host, 0))
            port = int(probe.getsockname()[1])
        if port_is_free(host, port, *kinds[1:]):
            return port
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))


def _can_bind(host: str, port: int, kind: socket.SocketKind) -> bool:
    with socket.socket(socket.AF_INET, kind) as probe:
        if kind is socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


class AlreadyRunning(Exception):
    """Another process holds the folder."""


@contextmanager
def hold(folder: Path) -> Generator[None]:
    """Hold a folder for this process alone; raises ``AlreadyRunning`` with the holder's pid."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise AlreadyRunning(lock.read().strip() or "unknown") from None
        lock.seek(0)
        lock.truncate()
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def go_first(nice: int = -5) -> bool:
    """Let the system prefer all present threads of this process; return whether it was allowed to (root, Linux).

    All, not only the one in a hurry: it waits for the interpreter lock, and a holder whom the system has suspended
    for somebody else keeps it waiting. Measured with a database thread as the holder: 70 ms.
    """
    try:
        for thread in Path("/proc/self/task").iterdir():
            os.setpriority(os.PRIO_PROCESS, int(thread.name), nice)
    except OSError:  # no privilege, another system, or a thread that ended meanwhile
        return False
    return True
