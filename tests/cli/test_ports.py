"""Ports are settled before anything starts: the wanted ones, else free ones, and never one for two."""

from __future__ import annotations

import io
import socket

import pytest
from rich.console import Console

from dialnexa.cli.mistakes import Mistake
from dialnexa.cli.ports import SPACING, settle_http, settle_sip
from dialnexa.kit.process import free_port

HOST = "127.0.0.1"


@pytest.fixture
def screen() -> Console:
    return Console(file=io.StringIO(), width=200)


def test_workers_stand_every_second_port(screen: Console) -> None:
    first = free_port(HOST, socket.SOCK_DGRAM)
    settled = settle_sip(HOST, first, 3, screen)
    wanted = [first, first + SPACING, first + 2 * SPACING]
    assert settled[0] == first
    assert len(set(settled)) == 3
    assert _said(screen).count("is busy, using") == sum(a != b for a, b in zip(settled, wanted, strict=True))


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_a_port_taken_over_either_transport_is_left_alone(screen: Console, kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_INET, kind) as other:
        other.bind((HOST, 0))
        if kind is socket.SOCK_STREAM:
            other.listen()
        busy = other.getsockname()[1]
        (settled,) = settle_sip(HOST, busy, 1, screen)
    assert settled != busy
    assert f"SIP port {busy} is busy, using {settled}." in _said(screen)


def test_free_ports_are_taken_without_a_word(screen: Console) -> None:
    assert len(set(settle_sip(HOST, 0, 20, screen))) == 20
    assert settle_http(HOST, 0, screen) > 0
    assert _said(screen) == ""


def test_an_address_of_another_machine_is_a_mistake(screen: Console) -> None:
    with pytest.raises(Mistake, match=r"SIP cannot listen on 192\.0\.2\.1.*DIALNEXA_SIP_HOST"):
        settle_sip("192.0.2.1", 0, 1, screen)
    with pytest.raises(Mistake, match=r"HTTP cannot listen on 192\.0\.2\.1.*DIALNEXA_HTTP_HOST"):
        settle_http("192.0.2.1", 8080, screen)


def _said(screen: Console) -> str:
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()
