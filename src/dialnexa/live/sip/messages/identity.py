"""Who a call is really from, and by which detours it came: what trunks say beside From.

P-Asserted-Identity (RFC 3325), Remote-Party-ID, Privacy (RFC 3323), Diversion (RFC 5806). All of it is a peer's word:
worth as much as the peer is trusted. What cannot be read is left out, for a broken courtesy must not cost a call.
"""

from __future__ import annotations

from dataclasses import dataclass

from dialnexa.live.sip.messages.fields import FieldError, NameAddr, split_list, unquote_string
from dialnexa.live.sip.messages.message import Headers, Request


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
    found: list[NameAddr] = []
    for address in _addresses(headers, "Remote-Party-ID"):
        party = unquote_string(address.params.get("party") or "calling").lower()
        hidden = unquote_string(address.params.get("privacy") or "off").lower()
        if party == "calling" and hidden == "off":
            found.append(address)
    return found


def diversions(headers: Headers) -> list[Diversion]:
    """Return the detours of a call, the latest first."""
    found: list[Diversion] = []
    for address in _addresses(headers, "Diversion"):
        reason = unquote_string(address.params.get("reason") or "unknown").lower()
        counter = address.params.get("counter") or ""
        found.append(Diversion(address, reason, int(counter) if counter.isdecimal() and len(counter) < 4 else 1))
    return found


def privacy(headers: Headers) -> frozenset[str]:
    """Return what the caller wants hidden (``id``, ``user``, ``header``…); empty: nothing."""
    words = {word.strip().lower() for value in headers.all("Privacy") for word in value.split(";")}
    return frozenset(words - {"", "none"})


def _addresses(headers: Headers, name: str) -> list[NameAddr]:
    found: list[NameAddr] = []
    for line in headers.all(name):
        try:
            found += [NameAddr.parse(item) for item in split_list(line) if item]
        except FieldError:
            continue
    return found
