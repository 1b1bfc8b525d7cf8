"""What SIP stories are told with: SIPp scenarios written in Python, our endpoint, and somebody who answers it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from dialnexa.kit.process import free_port
from dialnexa.live.plan import Credentials
from dialnexa.live.sip.endpoint import Dialog, IncomingCall, Progress, SipEndpoint
from dialnexa.live.sip.messages.sdp import make_answer, make_offer
from dialnexa.live.sip.probe import ProbeFailed, probe
from dialnexa.live.sip.transactions.timers import Timers
from dialnexa.live.sip.transport.names import Names

HOST = "127.0.0.1"
HEAD = '<?xml version="1.0" encoding="ISO-8859-1" ?>\n<scenario name="ours">\n'
COPIED = "[last_Via:]\n[last_From:]\n[last_To:];tag=far[call_number]\n[last_Call-ID:]\n[last_CSeq:]\n"
CONTACT = "Contact: <sip:far@[local_ip]:[local_port];transport=[transport]>\n"
SDP = (
    "Content-Type: application/sdp\nContent-Length: [len]\n\nv=0\no=far 1 1 IN IP4 [local_ip]\ns=-\n"
    "c=IN IP4 [media_ip]\nt=0 0\nm=audio [media_port] RTP/AVP 8 0 101\na=rtpmap:101 telephone-event/8000\n"
)
EMPTY = "Content-Length: 0\n\n"
SAME_TAG = "[last_Via:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n[last_CSeq:]\n"
"""What a response inside a call copies."""
REMEMBER = '<ereg regexp=".*" search_in="hdr" header="{}:" assign_to="{}"/>'


def send(text: str, options: str = "") -> str:
    return f"<send {options}><![CDATA[\n{text}\n]]></send>\n"


def receive(what: str, actions: str = "", options: str = "") -> str:
    return f"<recv {what} {options}>{f'<action>{actions}</action>' if actions else ''}</recv>\n"


def ask(method: str, cseq: int, *, more: str = EMPTY, to: str = "[peer_tag_param]", branch: str = "[branch]") -> str:
    return (
        f"{method} sip:+1@[remote_ip]:[remote_port] SIP/2.0\nVia: SIP/2.0/[transport] [local_ip]:[local_port];"
        f"branch={branch}\nFrom: <sip:near@[local_ip]>;tag=near[call_number]\n"
        f"To: <sip:+1@[remote_ip]:[remote_port]>{to}\nCall-ID: [call_id]\nCSeq: {cseq} {method}\n"
        f"Contact: <sip:near@[local_ip]:[local_port]>\nMax-Forwards: 70\n{more}"
    )


def invited(actions: str = "") -> str:
    """Take the INVITE and remember its Via (1) and From (2) for what comes later."""
    return receive('request="INVITE"', REMEMBER.format("Via", 1) + REMEMBER.format("From", 2) + actions)


def reply(status: str, more: str = EMPTY, *, cseq: int = 1, tag: str = "far[call_number]") -> str:
    """Answer the remembered INVITE, whatever was said since."""
    return (
        f"SIP/2.0 {status}\nVia:[$1]\nFrom:[$2]\nTo: <sip:+16505550199@[local_ip]:[local_port]>;tag={tag}\n"
        f"[last_Call-ID:]\nCSeq: {cseq} INVITE\n{CONTACT}{more}"
    )


def ask_caller(method: str, cseq: int, more: str = EMPTY, *, tag: str = "far[call_number]") -> str:
    """Ask the one who called SIPp something, inside the call."""
    return (
        f"{method} sip:us@[remote_ip]:[remote_port] SIP/2.0\nVia: SIP/2.0/[transport] [local_ip]:[local_port];"
        f"branch=[branch]\nFrom: <sip:+16505550199@[local_ip]:[local_port]>;tag={tag}\nTo:[$2]\n"
        f"Call-ID: [call_id]\nCSeq: {cseq} {method}\n{CONTACT}Max-Forwards: 70\n{more}"
    )


HUNG_UP = receive('request="BYE"') + send(f"SIP/2.0 200 OK\n{SAME_TAG}{EMPTY}")
"""The far end hangs up."""


@asynccontextmanager
async def sipp(
    folder: Path, *arguments: str, scenario: str = "", calls: int = 1, host: str = HOST
) -> AsyncGenerator[tuple[int, Finish]]:
    """Run SIPp and yield its port, and a way to wait for its verdict."""
    port = free_port(HOST, socket.SOCK_DGRAM)
    if scenario:
        (folder / "scenario.xml").write_text(HEAD + scenario + "</scenario>\n")
        arguments = ("-sf", "scenario.xml", *arguments)
    process = await asyncio.create_subprocess_exec(
        "sipp", "-i", host, "-p", str(port), "-mp", str(free_port(HOST, socket.SOCK_DGRAM) // 8 * 8), "-nostdin",
        "-m", str(calls), "-timeout", "40", "-timeout_error", "-trace_err", *arguments,
        cwd=folder, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    finish = Finish(process, folder)
    try:
        async with asyncio.timeout(30):
            yield port, finish
    except TimeoutError:
        raise AssertionError(f"the story did not end: {finish.errors()}") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


class Finish:
    """The end of a SIPp run."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path) -> None:
        self._process = process
        self._folder = folder

    async def well(self) -> None:
        """Wait until every call went as the scenario says."""
        code = await self._process.wait()
        assert code == 0, self.errors() or f"sipp ended with {code}"

    def errors(self) -> str:
        """Return what SIPp complained about."""
        return "".join(path.read_text(errors="replace") for path in self._folder.glob("*_errors.log"))


class Desk:
    """Answers every call and keeps it."""

    def __init__(self, host: str = HOST) -> None:
        self._host = host
        self.calls: list[IncomingCall] = []
        self.answering: list[asyncio.Task[Dialog]] = []
        self.up: asyncio.Queue[Dialog] = asyncio.Queue()

    def __call__(self, call: IncomingCall) -> None:
        self.calls.append(call)
        call.ring()
        self.answering.append(asyncio.ensure_future(self._answer(call)))

    async def _answer(self, call: IncomingCall) -> Dialog:
        assert call.offer
        dialog = await call.accept(make_answer(call.offer, self._host, 40000))
        self.up.put_nowait(dialog)
        await dialog.ended()
        return dialog


@asynccontextmanager
async def endpoint(
    on_invite: Callable[[IncomingCall], None] = lambda call: call.reject(486),
    host: str = HOST,
    names: Names | None = None,
    timers: Timers | None = None,
) -> AsyncGenerator[SipEndpoint]:
    async with SipEndpoint.open(
        host,
        0,
        on_invite=on_invite,
        tcp=True,
        names=names,
        timers=timers,
    ) as ours:
        yield ours
        counts = ours.counts()
        assert (counts.dialogs, counts.pending_calls, counts.malformed, counts.faults) == (0, 0, 0, 0)


def dial(ours: SipEndpoint, port: int, credentials: Credentials | None = None, progress: list[Progress] | None = None):
    call = ours.dial(
        "+16505550199",
        from_user="+14155550100",
        host=HOST,
        port=port,
        offer=make_offer(HOST, 40000),
        credentials=credentials,
    )
    return asyncio.ensure_future(call.answered((progress if progress is not None else []).append))


async def up(port: int) -> None:
    """Wait until a peer answers OPTIONS, so that the test does not start before it."""
    for _ in range(50):
        try:
            await probe(HOST, port, from_host=HOST, timeout_s=0.3)
        except ProbeFailed:
            continue
        return
    raise AssertionError("the peer never came up")


async def listening(port: int) -> None:
    """Wait until a peer takes TCP connections."""
    for _ in range(200):
        try:
            _, writer = await asyncio.open_connection(HOST, port)
        except OSError:
            await asyncio.sleep(0.05)
            continue
        writer.close()
        return
    raise AssertionError("the peer never came up")
