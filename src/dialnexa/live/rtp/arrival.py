"""When a datagram arrived, as the kernel saw it: sockets are read in bunches, but their jitter is the network's."""

from __future__ import annotations

import socket
import struct
import sys
import time

_SO_TIMESTAMPNS = 35
"""Linux; Python has no name for it."""
_TIMESPEC = struct.Struct("qq")
_ANCILLARY_BYTES = 64
_RECEIVE_BYTES = 2048

Datagram = tuple[bytes, tuple[str, int], float]
"""What came, from where, and when, in seconds since 1970."""


def stamp_arrivals(udp: socket.socket) -> None:
    """Have the kernel note when each datagram arrives; elsewhere than on Linux ``receive`` takes the time itself."""
    if sys.platform == "linux":
        udp.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)


def receive(udp: socket.socket) -> Datagram:
    """Read one datagram, at most 2048 bytes of it. Raises ``OSError`` when there is none."""
    data, ancillary, _, source = udp.recvmsg(_RECEIVE_BYTES, _ANCILLARY_BYTES)
    if ancillary and len(ancillary[0][2]) == _TIMESPEC.size:  # 32-bit kernels have another
        seconds, nanoseconds = _TIMESPEC.unpack(ancillary[0][2])
        return data, source[:2], seconds + nanoseconds * 1e-9
    return data, source[:2], time.time()
