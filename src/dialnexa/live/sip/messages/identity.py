"""Who a call is really from, and by which detours it came: what trunks say beside From.

P-Asserted-Identity (RFC 3325), Remote-Party-ID, Privacy (RFC 3323), Diversion (RFC 5806), History-Info (RFC 7044). All
of it is a peer's word: worth as much as the peer is trusted. What cannot be read is left out, for a broken courtesy
must not cost a call.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import pairwise
from urllib.parse import unquote

from dialnexa.live.sip.messages.fields import FieldError, NameAddr, Uri, split_list, unquote_string
from dialnexa.live.sip.messages.message import Headers, Request

_SIP_CAUSE = re.compile(r"reason=sip\s*;\s*cause=(\d{3})", re.IGNORECASE)
ANONYMOUS = "anonymous"
"""Who calls, when that is not to be known (RFC 3323 §4.1.1.3)."""
_ABOUT_THE_CALLER = frozenset({"id", "user", "header"})
_REASONS = {"302": "unconditional", "408": "no-answer", "480": "deflection", "486": "user-busy", "487": "deflection",
            "503": "unavailable", "404": "unavailable"}  # fmt: skip
"""What Diversion would say (RFC 7544 §2)."""


@dataclass(frozen=True, slots=True)
class Diversion:
    """One hop a call was forwarded from."""

    address: NameAddr
    reason: str = "unknown"
    """Such as ``user-busy``, ``no-answer``, ``unconditional``; in lower case."""
    counter: int = 1
    """How many forwardings this entry stands for."""

    @property
    def user(self) -> str:
        """The number that forwarded the call."""
        return self.address.user


def asserted_identities(headers: Headers) -> list[NameAddr]:
    """Return who the trunk vouches for as the caller: at most one ``sip`` and one ``tel`` address."""
    return _addresses(headers, "P-Asserted-Identity")


def caller_of(request: Request) -> str:
    """Return the user who calls: whom the trunk vouches for, else whom From names.

    From is what the caller likes to be called, often an account or ``anonymous``. Whoever asks for privacy (RFC 3323)
    is taken at From's word, though the trunk may tell us more. Remote-Party-ID counts too: old PBXs send nothing else.
    """
    if not privacy(request.headers):
        vouched = [*asserted_identities(request.headers), *_remote_parties(request.headers)]
        for address in vouched:
            if address.user:
                return address.user
    return request.sender.user


def _remote_parties(headers: Headers) -> list[NameAddr]:
    """Return the callers that Remote-Party-ID headers show (draft-ietf-sip-privacy-04), hidden ones left out."""
    told = _addresses(headers, "Remote-Party-ID")
    return [address for address in told if _is_caller(address) and _privacy_of(address) == "off"]


def _is_caller(address: NameAddr) -> bool:
    return unquote_string(address.params.get("party") or "calling").lower() == "calling"


def _privacy_of(address: NameAddr) -> str:
    return unquote_string(address.params.get("privacy") or "off").lower()


def diversions(headers: Headers) -> list[Diversion]:
    """Return the detours of a call, the latest first: by Diversion, else by History-Info."""
    found: list[Diversion] = []
    for address in _addresses(headers, "Diversion"):
        reason = unquote_string(address.params.get("reason") or "unknown").lower()
        counter = address.params.get("counter") or ""
        found.append(Diversion(address, reason, int(counter) if counter.isdecimal() and len(counter) < 4 else 1))
    return found or _history(headers)


def _history(headers: Headers) -> list[Diversion]:
    """Return whom a call was for before it was for us, the latest first.

    Its entries come in order, the last one is us; a proxy that only passed the call on repeats whom it is for.
    """
    uris = [uri for address in _addresses(headers, "History-Info") if (uri := _uri(address))]
    found: list[Diversion] = []
    for earlier, later in pairwise(uris):
        if earlier.user and earlier.user != later.user:
            plain = replace(earlier, headers="")
            found.append(Diversion(NameAddr(str(plain)), _REASONS.get(_cause(earlier, later), "unknown")))
    return found[::-1]


def _cause(earlier: Uri, later: Uri) -> str:
    """Return the status that sent a call on: in the Reason of whom it left, or with whom it went to (RFC 4458)."""
    reason = _SIP_CAUSE.search(unquote(earlier.headers))
    return reason[1] if reason else later.params.get("cause") or ""


def _uri(address: NameAddr) -> Uri | None:
    try:
        return Uri.parse(address.uri)
    except FieldError:
        return None


def privacy(headers: Headers) -> frozenset[str]:
    """Return what the caller wants hidden (``id``, ``user``, ``header``…); empty: nothing."""
    words = {word.strip().lower() for value in headers.all("Privacy") for word in re.split("[;,]", value)}
    return frozenset(words - {"", "none"})


def withholds_caller(headers: Headers) -> bool:
    """Tell whether whoever is called must not learn who calls, though From or the trunk may say it.

    So it is with privacy of ``id`` (RFC 3325 §9.3), ``user`` and ``header`` (RFC 3323 §4.2), and a Remote-Party-ID of
    the caller that is hidden. ``session``, ``critical`` and ``history`` are about other things.
    """
    hidden = {_privacy_of(each) for each in _addresses(headers, "Remote-Party-ID") if _is_caller(each)} - {"off"}
    return bool(privacy(headers) & _ABOUT_THE_CALLER or hidden)


def names_of_caller(request: Request) -> frozenset[str]:
    """Return every number and name by which a request speaks of its caller."""
    told = ("P-Asserted-Identity", "P-Preferred-Identity", "Remote-Party-ID")
    named = [request.sender, *(each for name in told for each in _addresses(request.headers, name))]
    words = {word for address in named for word in (address.user, address.display)}
    return frozenset(words - {""}) - {word for word in words if word.lower() == ANONYMOUS}


def _addresses(headers: Headers, name: str) -> list[NameAddr]:
    found: list[NameAddr] = []
    for line in headers.all(name):
        try:
            found += [NameAddr.parse(item) for item in split_list(line) if item]
        except FieldError:
            continue
    return found
