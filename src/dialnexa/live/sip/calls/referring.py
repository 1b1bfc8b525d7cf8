"""The transfers of one call: REFERs of ours with the NOTIFYs that answer them, and those of the far end (RFC 3515)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dialnexa.live.sip.calls.transfer import SIPFRAG, Referral, Transfer, TransferProgress, read_refer_to, refer_to
from dialnexa.live.sip.dialogs.dialog import DialogState
from dialnexa.live.sip.errors import CallRejected, CallTimedOut
from dialnexa.live.sip.messages.fields import FieldError
from dialnexa.live.sip.messages.message import Request, Response
from dialnexa.live.sip.stack import Stack, warning
from dialnexa.live.sip.transactions.layer import Exchange, Inquiry
from dialnexa.live.sip.transactions.transaction import Failure

_Headers = Sequence[tuple[str, str]]
_Listener = Callable[[Response | Failure], None]


@dataclass(frozen=True, slots=True)
class Voice:
    """How a call speaks for its transfers."""

    stack: Stack
    state: DialogState
    contact: Callable[[], tuple[str, str]]
    ask: Callable[[str, _Headers, _Listener, bytes], Inquiry]
    retry: Callable[[Response, Request, _Headers, _Listener], Inquiry | None]
    """Answers a challenge and returns the new request; ``None`` when it was none, or cannot be answered."""
    is_over: Callable[[], bool]


class Transfers:
    """Everything one call refers, and is referred to."""

    def __init__(self, voice: Voice) -> None:
        self._voice = voice
        self._asked: dict[int, Transfer] = {}
        """By the CSeq of our REFER."""

    async def ask(
        self, target: str, replaced: DialogState | None, on_progress: Callable[[TransferProgress], None]
    ) -> TransferProgress:
        """Send a REFER and wait for the final word on it; see ``Dialog.transfer``."""
        voice = self._voice
        accepted: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        headers = (
            voice.contact(),
            ("Refer-To", refer_to(target, replaced)),
            ("Referred-By", f"<{voice.state.local.uri}>"),
        )
        transfer = Transfer(on_progress)
        asked: list[Inquiry] = []

        def on_response(event: Response | Failure) -> None:
            if isinstance(event, Failure):
                _fail(accepted, CallTimedOut("the far end did not answer our REFER"))
            elif 200 <= event.status < 300:
                transfer.accepted = True
                if not accepted.done():
                    accepted.set_result(event)
            elif event.status >= 300:
                again = None if voice.is_over() else voice.retry(event, asked[-1].request, headers, on_response)
                if again:
                    asked.append(again)
                    self._asked[voice.state.local_cseq] = transfer
                else:
                    _fail(accepted, CallRejected(event.status, event.reason))

        asked.append(voice.ask("REFER", headers, on_response, b""))
        self._asked[voice.state.local_cseq] = transfer  # a NOTIFY may overtake the 202
        try:
            await accepted
            return await transfer.outcome()
        finally:
            self._asked = {cseq: each for cseq, each in self._asked.items() if each is not transfer}

    def receive_notify(self, exchange: Exchange) -> None:
        """Take word of a transfer of ours; one without an id means the latest (RFC 3515 §2.4.6)."""
        event, _, params = exchange.request.headers.first("Event").partition(";")
        named = params.partition("id=")[2].partition(";")[0].strip()
        transfer = self._asked.get(int(named)) if named.isdecimal() and len(named) < 11 else None
        if transfer is None and not named and self._asked:
            transfer = next(reversed(self._asked.values()))
        if event.strip().lower() != "refer":
            self._voice.stack.answer(exchange, 489)
        elif transfer is None:
            self._voice.stack.answer(exchange, 481)
        else:
            self._voice.stack.answer(exchange, 200)
            transfer.take(exchange.request)

    def receive_refer(self, exchange: Exchange, on_refer: Callable[[Referral], None] | None) -> None:
        """Hand a REFER of the far end to whoever may follow it; decline it when nobody may."""
        voice = self._voice
        if on_refer is None:
            voice.stack.answer(exchange, 603)
            return
        try:
            target = read_refer_to(exchange.request)
        except FieldError as error:
            voice.stack.answer(exchange, 400, "Bad Refer-To", headers=[warning(str(error))])
            return
        event = f"refer;id={exchange.request.cseq.number}"

        def respond(status: int) -> None:
            voice.stack.answer(exchange, status, headers=[voice.contact()])

        on_refer(Referral(target, respond, lambda progress: self._notify(event, progress)))

    def _notify(self, event: str, progress: TransferProgress) -> None:
        if self._voice.is_over():
            return
        state = "terminated;reason=noresource" if progress.is_final else "active;expires=180"
        headers = (
            self._voice.contact(),
            ("Event", event),
            ("Subscription-State", state),
            ("Content-Type", f"{SIPFRAG};version=2.0"),
        )
        body = f"SIP/2.0 {progress.status} {progress.reason}\r\n".encode()
        self._voice.ask("NOTIFY", headers, lambda _: None, body)

    def abandon(self) -> None:
        """The call ended: nothing more will be heard."""
        for transfer in self._asked.values():
            transfer.abandon()


def _fail(outcome: asyncio.Future[Response], error: Exception) -> None:
    if not outcome.done():
        outcome.set_exception(error)
