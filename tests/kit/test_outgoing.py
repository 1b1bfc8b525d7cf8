"""The guard of outgoing URLs: what may leave, what may not, and what a bad receiver can do to us (nothing)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from ipaddress import ip_address

import pytest

from dialnexa.kit.outgoing import Allowance, Outgoing, OutgoingError, Refused, TimedOut, Unreachable, is_public
from tests.platform.webhooks.receiver import Receiver, receiving

LOOPBACK = Allowance.parse("127.0.0.0/8")


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as running:
        yield running


async def post(outgoing: Outgoing, url: str, timeout_s: float = 5.0, limit: int = 1000) -> tuple[int, bytes, bool]:
    try:
        answer = await outgoing.send(
            "POST", url, headers={"X-A": "b"}, body=b"{}", timeout_s=timeout_s, answer_limit=limit
        )
    finally:
        await outgoing.aclose()
    return answer.status, answer.body, answer.truncated


def names(**hosts: Sequence[str]) -> Outgoing:
    """A guard for which names resolve as told, by their first label; each look-up takes the next address."""
    left = {host: list(addresses) for host, addresses in hosts.items()}

    async def resolve(host: str, _port: int) -> Sequence[str]:
        addresses = left[host.partition(".")[0]]
        return [addresses.pop(0) if len(addresses) > 1 else addresses[0]]

    return Outgoing(resolver=resolve)


@pytest.mark.parametrize("text", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses(text: str) -> None:
    assert is_public(ip_address(text))


@pytest.mark.parametrize(
    "text",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("224.0.0.1", "255.255.255.255", "192.88.99.1", "198.18.0.1", "192.0.2.1", "240.0.0.1"),
        *("::1", "::", "fe80::1", "fc00::1", "fec0::1", "ff02::1", "2001::1", "2001:db8::1"),
        *("::ffff:10.0.0.1", "::7f00:1", "2002:7f00:1::", "64:ff9b::7f00:1", "64:ff9b:1::1"),
    ],
)
def test_addresses_that_are_not_public(text: str) -> None:
    assert not is_public(ip_address(text))


@pytest.mark.parametrize(
    "url",
    [
        *("http://example.com/x", "ftp://example.com/", "example.com", "", "https://", "https://user:pw@example.com/"),
        *("https://localhost/", "https://127.0.0.1/", "https://[::1]/", "https://10.0.0.1:8443/", "https://ex ample/"),
        *("https://example.com:99999/", "https://exämple.com/", "https://[::ffff:127.0.0.1]/", "https://localhost./"),
    ],
)
def test_what_can_never_leave_is_refused_when_it_is_saved(url: str) -> None:
    with pytest.raises(Refused):
        Outgoing().check(url)


def test_public_https_may_leave() -> None:
    Outgoing().check("https://hooks.example.com:8443/a?b=c")
    Outgoing().check("https://8.8.8.8/")


def test_an_operator_opens_hosts_and_networks() -> None:
    outgoing = Outgoing(Allowance.parse(" hooks.internal, *.corp.example,10.0.0.0/8, ::1 "))
    for url in ("http://hooks.internal/", "http://a.corp.example/", "http://10.9.9.9/", "https://[::1]:8/"):
        outgoing.check(url)
    for url in ("https://192.168.0.1/", "http://8.8.8.8/"):
        with pytest.raises(Refused):
            outgoing.check(url)


@pytest.mark.parametrize("text", ["10.0.0.0/99", "a:b", "what/ever"])
def test_a_mistyped_allowance_is_told(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Allowance.parse(text)


async def test_a_name_that_resolves_to_a_private_address_is_refused() -> None:
    with pytest.raises(Refused, match=r"evil\.example resolves to 169\.254\.169\.254"):
        await post(names(evil=["169.254.169.254"]), "https://evil.example/")


async def test_a_name_that_changes_its_address_gains_nothing(receiver: Receiver) -> None:
    """DNS rebinding: public when it is saved, private when we connect. What is judged is what is connected to."""
    outgoing = names(evil=["192.0.2.1", "127.0.0.1"])
    outgoing.check("https://evil.example/")
    for _ in range(2):
        with pytest.raises(Refused):
            await post(outgoing, f"https://evil.example:{receiver.port}/")
    assert receiver.received == []


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "127.1"])
async def test_odd_spellings_of_loopback_are_resolved_and_refused(host: str) -> None:
    with pytest.raises(OutgoingError):
        await post(Outgoing(), f"https://{host}/")


async def test_plain_http_reaches_only_what_was_allowed() -> None:
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return ["8.8.8.8"]

    with pytest.raises(Refused, match="plain http is not allowed"):
        await post(Outgoing(LOOPBACK, resolver=resolve), "http://example.com/")


async def test_a_name_without_an_address_is_told() -> None:
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        raise OSError("no such name")

    with pytest.raises(Unreachable, match="cannot be resolved"):
        await post(Outgoing(resolver=resolve), "https://nowhere.example/")


async def test_an_answer_comes_back(receiver: Receiver) -> None:
    assert await post(Outgoing(LOOPBACK), receiver.url()) == (200, b"ok", False)
    assert receiver.received[0].body == b"{}"
    assert receiver.received[0].headers["x-a"] == "b"
    assert receiver.received[0].headers["accept-encoding"] == "identity"


async def test_a_redirect_on_the_same_origin_is_followed(receiver: Receiver) -> None:
    receiver.redirects["/old"] = "/hook"
    assert (await post(Outgoing(LOOPBACK), receiver.url("/old")))[0] == 200
    assert receiver.at("/hook")[0].body == b"{}"


@pytest.mark.parametrize("target", ["http://169.254.169.254/latest", "http://localhost:{port}/hook", "gopher://x/"])
async def test_a_redirect_elsewhere_is_refused(receiver: Receiver, target: str) -> None:
    receiver.redirects["/old"] = target.format(port=receiver.port)
    with pytest.raises(Refused):
        await post(Outgoing(LOOPBACK), receiver.url("/old"))
    assert len(receiver.received) == 1


async def test_a_redirect_in_circles_ends(receiver: Receiver) -> None:
    receiver.redirects["/round"] = "/round"
    with pytest.raises(Refused, match="more than 3 times"):
        await post(Outgoing(LOOPBACK), receiver.url("/round"))


async def test_a_redirect_that_would_lose_the_body_is_an_answer(receiver: Receiver) -> None:
    receiver.statuses["/moved"] = 302
    assert (await post(Outgoing(LOOPBACK), receiver.url("/moved")))[0] == 302


@pytest.mark.parametrize("path", ["/hang", "/drip"])
async def test_time_is_bounded_in_all(receiver: Receiver, path: str) -> None:
    """Also for a receiver that sends a byte now and then, so that no single read ever times out."""
    with pytest.raises(TimedOut, match=r"0\.2 s"):
        await post(Outgoing(LOOPBACK), receiver.url(path), timeout_s=0.2, limit=10_000_000)


@pytest.mark.parametrize("path", ["/reset", "/nonsense"])
async def test_what_breaks_off_is_unreachable(receiver: Receiver, path: str) -> None:
    with pytest.raises(Unreachable):
        await post(Outgoing(LOOPBACK), receiver.url(path))


async def test_nobody_listens() -> None:
    with pytest.raises(Unreachable, match="could not be opened"):
        await post(Outgoing(LOOPBACK), "http://127.0.0.1:9/")


async def test_size_is_bounded(receiver: Receiver) -> None:
    assert await post(Outgoing(LOOPBACK), receiver.url("/huge"), limit=100) == (200, b"x" * 100, True)


@pytest.mark.parametrize("hangs_up", [False, True])
async def test_a_connection_is_used_again_unless_its_end_has_hung_up(hangs_up: bool) -> None:
    """Without a word: the pool finds out by looking at the socket before it sends."""
    connections, hung_up = list[asyncio.StreamWriter](), asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        with suppress(asyncio.IncompleteReadError):
            while True:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                if hangs_up:
                    break
        writer.close()
        hung_up.set()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        outgoing = Outgoing(Allowance.parse("127.0.0.1"))
        for _ in range(3):
            answer = await outgoing.send("GET", f"http://127.0.0.1:{port}/", headers={}, timeout_s=5, answer_limit=10)
            assert (answer.status, answer.body) == (200, b"ok")
            if hangs_up:
                await hung_up.wait()
                await connections[-1].wait_closed()
        await outgoing.aclose()
    assert len(connections) == (3 if hangs_up else 1)
