"""A SIP caller reduced to what a load needs: prepared requests on one socket, and answers stamped by the kernel.

It costs so little that thousands of its calls disturb nothing, and a late reader spoils no figure. It repeats an INVITE
or BYE that nobody answers, acknowledges, hangs up, and takes a hang-up; of all else SIP knows it has no need.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import struct
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from dialnexa.live.sip.messages.fields import FieldError, NameAddr
from dialnexa.live.sip.messages.message import Request, Response, parse
from dialnexa.live.sip.messages.sdp import SdpError, SessionDescription, make_offer, parse_sdp

_STAMP = 35
"""``SO_TIMESTAMPNS`` of Linux; the socket module has no name for it."""
ANCILLARY = socket.CMSG_SPACE(16)
_T1_S = 0.5
_T2_S = 4.0
_REPEATS = 6
"""RFC 3261's timer A doubles from T1 until 64*T1 have passed."""
_SOCKET_BYTES = 4 << 20
_GOODBYE_S = 64 * _T1_S


def stamped_socket() -> socket.socket:
    """Return a UDP socket on a free port of loopback whose arrivals the kernel stamps."""
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.setblocking(False)
    if hasattr(socket, "SO_DOMAIN"):  # Linux
        udp.setsockopt(socket.SOL_SOCKET, _STAMP, 1)
    udp.bind(("127.0.0.1", 0))
    return udp


def arrival(ancillary: list[tuple[int, int, bytes]]) -> float:
    """Return the kernel's stamp of a packet in seconds of the wall clock, or now where there is none."""
    if not ancillary:
        return time.time()
    whole, nanoseconds = struct.unpack("qq", ancillary[0][2])
    return whole + nanoseconds / 1e9


class Unanswered(Exception):
    """No final answer came."""


@dataclass(slots=True)
class Attempt:
    """One INVITE and what came of it."""

    call_id: str
    invite: bytes
    sent_at: float
    answered: asyncio.Future[Response]
    gone: asyncio.Future[None]
    """Done when the far end hung up, or confirmed our hang-up."""
    heard: dict[int, float] = field(default_factory=dict[int, float])
    """Status → seconds from the first INVITE to the first answer with it."""
    repeats: int = 0
    dialog: str = ""
    """The headers of later requests of this call; empty before the answer."""
    uri: str = ""


class Dialler:
    """One far end for any number of calls to a SIP port of this machine."""

    def __init__(self, udp: socket.socket, to_port: int) -> None:
        self._udp = udp
        self._to = ("127.0.0.1", to_port)
        self._port = int(udp.getsockname()[1])
        self._attempts: dict[str, Attempt] = {}
        self._mark = secrets.token_hex(4)
        self._count = 0

    @classmethod
    @asynccontextmanager
    async def open(cls, to_port: int) -> AsyncGenerator[Dialler]:
        """Open the socket as long as the block lasts."""
        with stamped_socket() as udp:
            udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SOCKET_BYTES)
            dialler = cls(udp, to_port)
            loop = asyncio.get_running_loop()
            loop.add_reader(udp, dialler._read)
            try:
                yield dialler
            finally:
                loop.remove_reader(udp)

    # --- calls --------------------------------------------------------------------------------------------------------

    def invite(self, media_port: int, to: str = "+14155550100") -> Attempt:
        """Send an INVITE whose audio is at this port; ``final`` waits for the answer."""
        loop = asyncio.get_running_loop()
        self._count += 1
        call_id = f"{self._mark}-{self._count}"
        body = make_offer("127.0.0.1", media_port).encode()
        head = (
            f"INVITE sip:{to}@127.0.0.1:{self._to[1]} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:{self._port};branch=z9hG4bK{call_id}i\r\n"
            f"{self._who(call_id)}To: <sip:{to}@127.0.0.1:{self._to[1]}>\r\nCSeq: 1 INVITE\r\n"
            f"Contact: <sip:bench@127.0.0.1:{self._port}>\r\n"
            f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        invite = head.encode() + body
        attempt = Attempt(call_id, invite, time.time(), loop.create_future(), loop.create_future())
        self._attempts[call_id] = attempt
        self._send(invite)
        loop.call_later(_T1_S, self._repeat, attempt, _T1_S)
        return attempt

    async def final(self, attempt: Attempt, patience_s: float = 32.0) -> Response:
        """Wait for the final answer; raises ``Unanswered``."""
        try:
            return await asyncio.wait_for(asyncio.shield(attempt.answered), patience_s)
        except TimeoutError:
            self._attempts.pop(attempt.call_id, None)
            raise Unanswered(f"no final answer within {patience_s:g} s") from None

    async def hang_up(self, attempt: Attempt) -> None:
        """End an answered call, unless the far end did; raises ``Unanswered`` when it does not confirm."""
        if not attempt.gone.done():
            self._say_goodbye(attempt, self._in_dialog("BYE", 2, attempt), _T1_S)
            try:
                await asyncio.wait_for(asyncio.shield(attempt.gone), _GOODBYE_S)
            except TimeoutError:
                raise Unanswered(f"no answer to BYE within {_GOODBYE_S:g} s") from None
            finally:
                self._attempts.pop(attempt.call_id, None)
        self._attempts.pop(attempt.call_id, None)

    # --- the wire -----------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        try:
            while True:
                data, ancillary, _, _ = self._udp.recvmsg(4096, ANCILLARY)
                self._take(data, arrival(ancillary))
        except OSError:  # nothing more to read
            return

    def _take(self, data: bytes, arrived: float) -> None:
        message = parse(data)
        if isinstance(message, Request):
            self._obey(message)
        elif isinstance(message, Response) and (attempt := self._attempts.get(message.call_id)):
            if message.cseq.method == "INVITE":
                self._on_answer(attempt, message, arrived)
            elif message.cseq.method == "BYE" and not attempt.gone.done():
                attempt.gone.set_result(None)

    def _on_answer(self, attempt: Attempt, answer: Response, arrived: float) -> None:
        attempt.heard.setdefault(answer.status, arrived - attempt.sent_at)
        if answer.status < 200:
            return
        to = answer.headers.first("To")
        if answer.status >= 300:
            branch, uri = f"{attempt.call_id}i", f"sip:127.0.0.1:{self._to[1]}"
            self._attempts.pop(attempt.call_id, None)
        else:
            branch, uri = f"{attempt.call_id}a", _contact(answer)
            attempt.uri = uri
        attempt.dialog = f"{self._who(attempt.call_id)}To: {to}\r\n"
        self._send(self._request("ACK", 1, uri, branch, attempt.dialog))
        if not attempt.answered.done():
            attempt.answered.set_result(answer)

    def _obey(self, request: Request) -> None:
        """Say yes to whatever the far end wants: a hang-up, mostly."""
        if request.method == "ACK":
            return
        self._send(request.reply(200).encode())
        if request.method == "BYE" and (attempt := self._attempts.get(request.call_id)) and not attempt.gone.done():
            attempt.gone.set_result(None)

    def _repeat(self, attempt: Attempt, gap_s: float) -> None:
        if attempt.heard or attempt.answered.done() or attempt.repeats >= _REPEATS:
            return
        attempt.repeats += 1
        self._send(attempt.invite)
        asyncio.get_running_loop().call_later(2 * gap_s, self._repeat, attempt, 2 * gap_s)

    def _say_goodbye(self, attempt: Attempt, bye: bytes, gap_s: float) -> None:
        """Send a BYE until it is answered or given up; timer E doubles up to T2 (RFC 3261 §17.1.2.2)."""
        if attempt.gone.done() or attempt.call_id not in self._attempts:
            return
        self._send(bye)
        later = min(2 * gap_s, _T2_S)
        asyncio.get_running_loop().call_later(gap_s, self._say_goodbye, attempt, bye, later)

    def _send(self, data: bytes) -> None:
        try:
            self._udp.sendto(data, self._to)
        except OSError:
            return  # our buffer is full: lost on the way

    def _who(self, call_id: str) -> str:
        return (
            f"From: <sip:+12025550100@127.0.0.1:{self._port}>;tag={call_id}\r\n"
            f"Call-ID: {call_id}\r\nMax-Forwards: 70\r\n"
        )

    def _in_dialog(self, method: str, sequence: int, attempt: Attempt) -> bytes:
        return self._request(method, sequence, attempt.uri, f"{attempt.call_id}b", attempt.dialog)

    def _request(self, method: str, sequence: int, uri: str, branch: str, dialog: str) -> bytes:
        return (
            f"{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{self._port};branch=z9hG4bK{branch}\r\n"
            f"{dialog}CSeq: {sequence} {method}\r\nContent-Length: 0\r\n\r\n"
        ).encode()


def media_of(answer: Response) -> SessionDescription | None:
    """Return where the audio of an answered call goes; ``None`` when the answer has no usable description."""
    try:
        return parse_sdp(answer.body)
    except SdpError:
        return None


def _contact(answer: Response) -> str:
    try:
        return NameAddr.parse(answer.headers.first("Contact")).uri
    except FieldError:
        return ""
