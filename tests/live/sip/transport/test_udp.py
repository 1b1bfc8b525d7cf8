from __future__ import annotations

import asyncio
import socket

import pytest

from dialnexa.live.sip.messages.hop import Hop
from dialnexa.live.sip.transport.udp import UdpTransport


class TestUdpTransport:
    @pytest.mark.parametrize(
        "nowhere",
        [("::1", 5060), ("not an address", 5060), ("localhost", 5060), ("127.0.0.1", 99999), ("127.0.0.1", 0)],
    )
    async def test_an_address_that_is_none_does_not_cost_the_socket(self, nowhere: tuple[str, int]) -> None:
        heard: asyncio.Queue[bytes] = asyncio.Queue()
        ours = await UdpTransport.open("127.0.0.1", 0, lambda data, source: heard.put_nowait(data))
        ours.send(b"lost", Hop(*nowhere))
        ours.send(b"still here", Hop(*ours.address))
        assert await asyncio.wait_for(heard.get(), 5) == b"still here"
        ours.close()
        ours.send(b"after the end", Hop(*ours.address))

    async def test_a_burst_finds_as_much_room_as_the_system_grants(self) -> None:
        ours = await UdpTransport.open("127.0.0.1", 0, lambda data, source: None)
        assert ours._transport is not None
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            granted = plain.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        held = ours._transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        assert held == granted
        ours.close()
