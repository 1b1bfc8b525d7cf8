"""A bad network of our own: two network namespaces and between them a wire that loses, delays and reorders packets.

The wire is a program (two TUN devices and this process between them) and not ``tc netem``, which many kernels come
without; its dice are seeded, and it counts what it did. Needs root and iproute2, as netem would.
"""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import itertools
import os
import random
import struct
import subprocess
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")
NEAR, FAR = "10.213.0.1", "10.213.0.2"
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
_CLONE_NEWNET = 0x40000000
_PRIORITY = -15
"""A bad network is tried here, not a busy machine."""
_PACKET_BYTES = 2048
_MEDIA_BYTES = range(190, 230)
"""An IP packet of 20 ms of G.711 has 200 bytes, encrypted 210; RTCP is shorter, SIP longer."""
_numbers = itertools.count()
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass
class Direction:
    """What the wire did to the packets one way."""

    media: int = 0
    dropped: int = 0
    """Of the media packets."""


class Wire:
    """Carries IP packets between the two namespaces."""

    def __init__(self, near: int, far: int, loss: float, delays_s: tuple[float, float], seed: int) -> None:
        self.to_far, self.to_near = Direction(), Direction()
        self._loss, self._delays_s = loss, delays_s
        self._chance = random.Random(seed)
        self._loop = asyncio.get_running_loop()
        self._ends = (near, far)
        self._loop.add_reader(near, self._carry, near, far, self.to_far)
        self._loop.add_reader(far, self._carry, far, near, self.to_near)

    def cut(self) -> None:
        for end in self._ends:
            self._loop.remove_reader(end)
            os.close(end)
        self._ends = ()

    def _carry(self, source: int, target: int, direction: Direction) -> None:
        packet = os.read(source, _PACKET_BYTES)
        lost = self._chance.random() < self._loss
        if packet[0] >> 4 == 4 and packet[9] == 17 and len(packet) in _MEDIA_BYTES:
            direction.media += 1
            direction.dropped += lost
        if not lost:
            self._loop.call_later(self._chance.uniform(*self._delays_s), self._deliver, target, packet)

    def _deliver(self, target: int, packet: bytes) -> None:
        if self._ends:
            os.write(target, packet)


@dataclass
class Network:
    near: str
    far: str
    """The namespaces' names."""
    wire: Wire


@asynccontextmanager
async def bad_network(*, loss: float, delays_s: tuple[float, float], seed: int = 1) -> AsyncGenerator[Network]:
    """Make two namespaces, reachable from each other as ``NEAR`` and ``FAR`` over such a wire; remove them again."""
    name = f"dialnexa-{os.getpid()}-{next(_numbers)}"
    names = (f"{name}-near", f"{name}-far")
    made: list[str] = []
    this_thread = threading.get_native_id()
    usual = os.getpriority(os.PRIO_PROCESS, this_thread)
    os.setpriority(os.PRIO_PROCESS, this_thread, _PRIORITY)
    try:
        for each in names:
            _ip("netns", "add", each)
            made.append(each)
        ends = [_tunnel(each, own, peer) for each, own, peer in ((names[0], NEAR, FAR), (names[1], FAR, NEAR))]
        wire = Wire(ends[0], ends[1], loss, delays_s, seed)
        try:
            yield Network(*names, wire)
        finally:
            wire.cut()
    finally:
        os.setpriority(os.PRIO_PROCESS, this_thread, usual)
        for each in made:
            _ip("netns", "delete", each)


async def inside(namespace: str, what: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine on an event loop of its own whose sockets belong to the namespace; cancelling cancels it."""
    done: Future[T] = Future()
    running: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = []

    async def main() -> T:
        task = asyncio.current_task()
        assert task is not None
        running.append((asyncio.get_running_loop(), task))
        return await what()

    def run() -> None:
        try:
            _enter(namespace)
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _PRIORITY)
            done.set_result(asyncio.run(main()))
        except BaseException as error:  # noqa: BLE001 - it is the awaiting test's to raise
            done.set_exception(error)

    thread = threading.Thread(target=run, name=namespace)
    thread.start()
    try:
        return await asyncio.shield(asyncio.wrap_future(done))
    except asyncio.CancelledError:
        for loop, task in running:
            loop.call_soon_threadsafe(task.cancel)
        raise
    finally:
        await asyncio.to_thread(thread.join)


def _tunnel(namespace: str, own: str, peer: str) -> int:
    """Make a TUN device in the namespace and return its other end."""
    ends: list[int] = []

    def make() -> None:
        _enter(namespace)
        end = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(end, _TUNSETIFF, struct.pack("16sH", b"wire", _IFF_TUN | _IFF_NO_PI))
        ends.append(end)

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    for command in (
        ("addr", "add", own, "peer", peer, "dev", "wire"),
        ("link", "set", "lo", "up"),
        ("link", "set", "wire", "up"),
    ):
        _ip("-n", namespace, *command)
    return ends[0]


def _enter(namespace: str) -> None:
    """Move this thread, and only it, into the namespace."""
    descriptor = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    try:
        if _libc.setns(descriptor, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"setns to {namespace}")
    finally:
        os.close(descriptor)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
