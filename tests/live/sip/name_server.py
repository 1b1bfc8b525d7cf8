"""A name server on loopback with the records a test gives it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import dns.asyncresolver
import dns.flags
import dns.message
import dns.rcode
import dns.rrset


class _Server(asyncio.DatagramProtocol):
    def __init__(self, records: list[str]) -> None:
        self._sets = [dns.rrset.from_text(*_fields(record)) for record in records]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.AA
        named = [each for each in self._sets if each.name == question.name]
        reply.answer = [each for each in named if each.rdtype == question.rdtype]
        if not named:
            reply.set_rcode(dns.rcode.NXDOMAIN)
        self._transport.sendto(reply.to_wire(), addr)  # type: ignore[attr-defined]


def _fields(record: str) -> tuple[str, int, str, str, str]:
    """Read ``name ttl type data``."""
    name, ttl, kind, data = record.split(" ", 3)
    return name, int(ttl), "IN", kind, data


@asynccontextmanager
async def name_server(*records: str) -> AsyncGenerator[dns.asyncresolver.Resolver]:
    """Answer for these records, written as ``sip.example. 60 A 127.0.0.1``; yield a resolver that asks here only."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: _Server(list(records)), local_addr=("127.0.0.1", 0))
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]
    resolver.port = transport.get_extra_info("sockname")[1]
    try:
        yield resolver
    finally:
        transport.close()
