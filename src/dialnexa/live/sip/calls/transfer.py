"""Call transfer: REFER and the NOTIFYs that tell how it went (RFC 3515), with Replaces for attended ones (RFC 3891)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote, unquote

from dialnexa.live.sip.dialogs.dialog import DialogId, DialogState
from dialnexa.live.sip.errors import CallTimedOut
from dialnexa.live.sip.messages.fields import FieldError, NameAddr, Uri, parse_params
from dialnexa.live.sip.messages.message import Request, reason_phrase

SIPFRAG = "message/sipfrag"
_STATUS_LINE = re.compile(rb"SIP/2\.0 ([1-6]\d\d)(?: ([^\r\n]*))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TransferProgress:
    """How far a transfer is: a status of the call that it makes."""

    status: int
    reason: str = ""

    @property
    def is_final(self) -> bool:
        """Whether nothing follows."""
        return self.status >= 200


class TransferUnconfirmed(CallTimedOut):
    """The far end agreed to a transfer and ended the call without a final word, as many carriers do when it worked."""


class Transfer:
    """A transfer that we asked the far end to make."""

    def __init__(self, on_progress: Callable[[TransferProgress], None]) -> None:
        self._on_progress = on_progress
        self._end: asyncio.Future[TransferProgress] = asyncio.get_running_loop().create_future()
        self.accepted = False
        """Whether the far end said that it tries."""

    async def outcome(self) -> TransferProgress:
        """Wait for the final word. Raises ``CallTimedOut`` when the call ended without one, ``TransferUnconfirmed``
        when the far end had said that it tries."""
        return await self._end

    def take(self, notify: Request) -> None:
        """Read a NOTIFY; one that ends the subscription without a word leaves the outcome open, so it counts as 200."""
        match = _STATUS_LINE.match(notify.body)
        if match:
            words = (match[2] or b"").decode("utf-8", "replace")[:100]
            progress = TransferProgress(int(match[1]), words or reason_phrase(int(match[1])))
        elif notify.headers.first("Subscription-State").lower().startswith("terminated"):
            progress = TransferProgress(200, reason_phrase(200))
        else:
            return
        if self._end.done():
            return
        if progress.is_final:
            self._end.set_result(progress)
        self._on_progress(progress)

    def abandon(self) -> None:
        """The call ended: nothing more will be heard."""
        if not self._end.done():
            words = "the call ended before the far end said how the transfer went"
            self._end.set_exception(TransferUnconfirmed(words) if self.accepted else CallTimedOut(words))
            self._end.exception()  # whoever still waits hears it; if nobody does, that is no mistake


@dataclass(frozen=True, slots=True)
class ReferTarget:
    """Whom a REFER wants called."""

    uri: str
    """Without headers."""
    user: str
    replaces: str = ""
    """The Replaces header that the new call must carry: an attended transfer."""


def read_refer_to(request: Request) -> ReferTarget:
    """Return whom a REFER wants called. Raises ``FieldError`` unless it names exactly one SIP or TEL address."""
    values = request.headers.all("Refer-To")
    if len(values) != 1:
        raise FieldError("a REFER needs one Refer-To")
    address = NameAddr.parse(values[0])
    uri = Uri.parse(address.uri)
    replaces = ""
    for part in uri.headers.split("&"):
        name, _, value = part.partition("=")
        if name.lower() == "replaces":
            replaces = unquote(value)
    return ReferTarget(address.uri.partition("?")[0], uri.user, replaces)


def refer_to(target: str, replaced: DialogState | None) -> str:
    """Write a Refer-To for a URI; ``replaced`` is the other call of ours that its new call shall take the place of."""
    if replaced is None:
        return f"<{target}>"
    value = f"{replaced.call_id};to-tag={replaced.remote.tag};from-tag={replaced.local.tag}"
    return f"<{target}?Replaces={quote(value, safe='')}>"


@dataclass(frozen=True, slots=True)
class Replacement:
    """Which call of ours an INVITE wants to take the place of (RFC 3891)."""

    dialog: DialogId
    early_only: bool
    """Only while it is not answered."""


def read_replaces(request: Request) -> Replacement | None:
    """Return which call of ours an INVITE wants to take the place of; ``None``: none. Raises ``FieldError``."""
    values = request.headers.all("Replaces")
    if not values:
        return None
    call_id, semicolon, rest = values[0].partition(";")
    params = parse_params(semicolon + rest)
    local, remote = params.get("to-tag"), params.get("from-tag")
    if len(values) > 1 or not local or not remote:
        raise FieldError("a Replaces header names one call with both its tags")
    return Replacement((call_id.strip(), local, remote), "early-only" in params)


class Referral:
    """A transfer that the far end asks us to make. Accept or refuse it once; then say how it goes."""

    def __init__(
        self,
        target: ReferTarget,
        respond: Callable[[int], None],
        notify: Callable[[TransferProgress], None],
    ) -> None:
        self.target = target
        self._respond = respond
        self._notify = notify
        self._state = "asked"

    def accept(self) -> None:
        """Say that we try."""
        if self._state == "asked":
            self._state = "trying"
            self._respond(202)
            self._notify(TransferProgress(100, reason_phrase(100)))

    def refuse(self, status: int = 603) -> None:
        """Say that we do not try (300–699)."""
        if self._state == "asked":
            self._state = "done"
            self._respond(status)

    def tell(self, status: int) -> None:
        """Say how far the new call is; a final status (200 and above) is the last word."""
        if self._state == "trying":
            self._state = "done" if status >= 200 else "trying"
            self._notify(TransferProgress(status, reason_phrase(status)))
