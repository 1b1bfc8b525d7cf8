"""Settles the ports of an installation before anything starts, so that a restarted role comes back on the same one."""

from __future__ import annotations

import socket

from rich.console import Console

from dialnexa.cli.mistakes import Mistake
from dialnexa.kit.process import free_port, port_is_free

SPACING = 2
"""Between the SIP ports of two workers: the one above each is left for its TLS."""
_TRIES = 50
_SIP = (socket.SOCK_DGRAM, socket.SOCK_STREAM)


def settle_http(host: str, port: int, console: Console) -> int:
    """Return the wanted port, or a free one when it is 0 or taken. Raises ``Mistake`` for an address not ours."""
    if port and port_is_free(host, port, socket.SOCK_STREAM):
        return port
    taken = _free("HTTP", host, socket.SOCK_STREAM)
    _say("HTTP", port, taken, console)
    return taken


def settle_sip(host: str, port: int, workers: int, console: Console) -> list[int]:
    """Return a port for each worker, free over UDP and TCP: the wanted one and every second after it, else free ones.

    Raises ``Mistake`` for an address that is not this machine's.
    """
    settled: list[int] = []
    for number in range(workers):
        wanted = spaced(port, number)
        usable = 0 < wanted < 65536 and wanted not in settled and port_is_free(host, wanted, *_SIP)
        taken = wanted if usable else _another(host, settled)
        if taken != wanted:
            _say("SIP", wanted, taken, console)
        settled.append(taken)
    return settled


def spaced(port: int, number: int) -> int:
    """Return the port of the worker with this number, counted from 0; any free one (0) stays any free one."""
    return port + number * SPACING if port else 0


def _another(host: str, settled: list[int]) -> int:
    for _ in range(_TRIES):
        port = _free("SIP", host, *_SIP)
        if port not in settled:
            return port
    raise Mistake(f"SIP finds no further port on {host}. Run fewer workers.")


def _free(name: str, host: str, *kinds: socket.SocketKind) -> int:
    try:
        return free_port(host, *kinds)
    except OSError as error:
        raise Mistake(f"{name} cannot listen on {host}: {error.strerror}. Check DIALNEXA_{name}_HOST.") from None


def _say(name: str, wanted: int, taken: int, console: Console) -> None:
    if wanted:
        console.print(f"[yellow]{name} port {wanted} is busy, using {taken}.[/yellow]")
