"""Where phones and PBXs are that register with us (RFC 3261 §10.3): what a REGISTER asks for, and what becomes of it.

Pure: bindings go in and come out, somebody else keeps them. Times are seconds since 1970, for several workers share
what is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from dialnexa.live.sip.messages.fields import FieldError, NameAddr, Params, Uri, quote_string, unquote_string
from dialnexa.live.sip.messages.hop import Hop, ip_version
from dialnexa.live.sip.messages.message import Request, reason_phrase

SHORTEST_S = 60
"""A shorter registration is refused with 423: it would only keep both sides busy."""
LONGEST_S = 3600
"""A longer one is cut to this: whoever vanished must not be called for a day."""
USUAL_S = 600
"""Given to who asks for no time in particular."""
MOST_BINDINGS = 10
"""Places one login may register at."""
_LONGEST_TEXT = 512
"""Characters of a contact, a path or an instance: longer ones are no address anybody needs."""


@dataclass(frozen=True, slots=True)
class Binding:
    """One place where a user can be called."""

    contact: str
    """The URI to call, as the phone wrote it: it is what it expects to see again."""
    source: Hop
    """Where its REGISTER came from: the way back through a NAT, or the connection."""
    call_id: str
    cseq: int
    expires_at: float
    q: float = 1.0
    instance: str = ""
    """What stays the same when the phone's address changes (``+sip.instance`` and ``reg-id``, RFC 5626)."""
    path: tuple[str, ...] = ()
    """Proxies to pass on the way there (RFC 3327)."""
    user_agent: str = ""

    @property
    def key(self) -> object:
        """What makes two bindings one and the same."""
        return self.instance or _normal(self.contact)

    def seconds_left(self, now: float) -> int:
        """Return how long it stands, rounded down."""
        return max(0, int(self.expires_at - now))

    @property
    def hop(self) -> Hop:
        """Where a request to it goes.

        A connection is used again (RFC 5626). Over UDP a phone whose contact names another host than it sent from is
        behind a NAT, which lets back in only what goes to where the phone was seen.
        """
        try:
            meant = Uri.parse(self.contact).hop
        except FieldError:
            return self.source
        if self.source.is_reliable or ip_version(meant.host) == 0 or meant.host != self.source.host:
            return self.source
        return meant._replace(transport=self.source.transport)


@dataclass(frozen=True, slots=True)
class Wish:
    """One contact of a REGISTER; ``expires_s`` 0 takes it away."""

    uri: str
    expires_s: int
    q: float
    instance: str


@dataclass(frozen=True, slots=True)
class RegisterRequest:
    """What a REGISTER asks for. Without wishes and not clearing, it only asks what is known."""

    user: str
    """Whose contacts they are: the user part of To."""
    source: Hop
    call_id: str
    cseq: int
    wishes: tuple[Wish, ...] = ()
    clearing: bool = False
    """``Contact: *``: everything goes."""
    path: tuple[str, ...] = ()
    user_agent: str = ""


class RegisterRefused(Exception):
    """A REGISTER is not carried out; nothing of it is."""

    def __init__(self, status: int, reason: str = "", headers: tuple[tuple[str, str], ...] = ()) -> None:
        """Carry the answer."""
        super().__init__(reason or reason_phrase(status))
        self.status = status
        self.reason = reason
        self.headers = headers


def read_register(request: Request, source: Hop) -> RegisterRequest:
    """Read a REGISTER. Raises ``RegisterRefused`` for one that makes no sense."""
    unknown = [tag for tag in request.headers.items_of("Require") if tag.lower() != "path"]
    if unknown:
        raise RegisterRefused(420, headers=(("Unsupported", ", ".join(unknown)),))
    contacts = request.headers.items_of("Contact")
    usual = _seconds(request.headers.first("Expires"), USUAL_S)
    clearing = "*" in contacts
    if clearing and (len(contacts) > 1 or usual != 0):
        raise RegisterRefused(400, "Contact * Stands Alone And Needs Expires 0")
    if len(contacts) > MOST_BINDINGS:
        raise RegisterRefused(403, "Too Many Contacts")
    path = tuple(request.headers.items_of("Path"))
    if sum(map(len, path)) > _LONGEST_TEXT:
        raise RegisterRefused(400, "Path Too Long")
    return RegisterRequest(
        user=request.recipient.user,
        source=source,
        call_id=request.call_id[:_LONGEST_TEXT],
        cseq=request.cseq.number,
        wishes=() if clearing else tuple(_wish(contact, usual) for contact in contacts),
        clearing=clearing,
        path=path,
        user_agent=request.headers.first("User-Agent")[:100],
    )


def carry_out(asked: RegisterRequest, known: Sequence[Binding], now: float) -> tuple[Binding, ...]:
    """Return the bindings of the user after a REGISTER, all of it or nothing (§10.3 steps 6 and 7).

    Raises ``RegisterRefused`` when it is older than what is known, asks for too short a time, or names too many places.
    """
    standing = {binding.key: binding for binding in known if binding.expires_at > now}
    if asked.clearing:
        for binding in standing.values():
            _in_order(asked, binding)
        return ()
    for wish in asked.wishes:
        binding = _binding(asked, wish, now)
        before = standing.pop(binding.key, None)
        if before is not None:
            _in_order(asked, before)
        if wish.expires_s:
            standing[binding.key] = binding
    if len(standing) > MOST_BINDINGS:
        raise RegisterRefused(403, "Too Many Contacts")
    return tuple(standing.values())


def best_first(bindings: Sequence[Binding], now: float) -> list[Binding]:
    """Return where to call a user, in order of preference: what the phones say (q), then who registered last."""
    standing = [binding for binding in bindings if binding.expires_at > now]
    return sorted(standing, key=lambda binding: (-binding.q, -binding.expires_at))


def answer_headers(bindings: Sequence[Binding], path: Sequence[str], now: float) -> list[tuple[str, str]]:
    """Return what a 200 to a REGISTER says: every place known, and how long each stands (§10.3 step 8)."""
    headers = [("Contact", _contact(binding, now)) for binding in bindings]
    if path:
        headers += [("Supported", "path"), *(("Path", proxy) for proxy in path)]
    return headers


class Registrar(Protocol):
    """Who keeps the bindings."""

    @property
    def open(self) -> bool:
        """Whether anybody may register here at all."""
        ...

    def register(self, asked: RegisterRequest, respond: Callable[[RegisterAnswer], None]) -> None:
        """Carry out what a user asks whose login was good; must return at once and respond once, then or later."""
        ...


@dataclass(frozen=True, slots=True)
class RegisterAnswer:
    """The final word on a REGISTER."""

    status: int
    reason: str = ""
    headers: tuple[tuple[str, str], ...] = ()


def _wish(text: str, usual: int) -> Wish:
    try:
        contact = NameAddr.parse(text)
        uri = Uri.parse(contact.uri)
    except FieldError:
        raise RegisterRefused(400, "Bad Contact") from None
    if uri.scheme not in ("sip", "sips") or not uri.host or len(contact.uri) > _LONGEST_TEXT or uri.headers:
        raise RegisterRefused(400, "Contact Is Not A SIP Address")
    expires = _seconds(contact.params.get("expires") or "", usual)
    if 0 < expires < SHORTEST_S:
        raise RegisterRefused(423, headers=(("Min-Expires", str(SHORTEST_S)),))
    instance = _instance(contact.params)
    return Wish(contact.uri, min(expires, LONGEST_S), _preference(contact.params.get("q") or ""), instance)


def _instance(params: Params) -> str:
    device = unquote_string(params.get("+sip.instance") or "")
    flow = params.get("reg-id") or ""
    if not device or len(device) > _LONGEST_TEXT:
        return ""
    return f"{device};{flow if flow.isascii() and flow.isdigit() and len(flow) < 10 else ''}"


def _binding(asked: RegisterRequest, wish: Wish, now: float) -> Binding:
    return Binding(
        contact=wish.uri,
        source=asked.source,
        call_id=asked.call_id,
        cseq=asked.cseq,
        expires_at=now + wish.expires_s,
        q=wish.q,
        instance=wish.instance,
        path=asked.path,
        user_agent=asked.user_agent,
    )


def _in_order(asked: RegisterRequest, known: Binding) -> None:
    """Refuse a REGISTER that was overtaken by a later one of the same phone."""
    if known.call_id == asked.call_id and asked.cseq <= known.cseq:
        raise RegisterRefused(500, "CSeq Out Of Order")


def _contact(binding: Binding, now: float) -> str:
    instance, _, number = binding.instance.rpartition(";")
    q = f";q={binding.q:g}" if binding.q < 1 else ""
    device = f";+sip.instance={quote_string(instance)}" if instance else ""
    flow = f";reg-id={number}" if number else ""
    return f"<{binding.contact}>;expires={binding.seconds_left(now)}{q}{device}{flow}"


def _normal(uri: str) -> object:
    """Return what two spellings of one contact have in common (§19.1.4, as far as contacts need it)."""
    try:
        parsed = Uri.parse(uri)
    except FieldError:
        return uri
    return parsed.user, parsed.host.lower(), parsed.hop.port, parsed.hop.transport


def _seconds(text: str, usual: int) -> int:
    """Read an expiry; what is no number counts as not said (§10.2.1.1), what is too large as for ever."""
    text = text.strip()
    if not (text.isascii() and text.isdigit()):
        return usual
    return int(text[:10])


def _preference(text: str) -> float:
    try:
        q = float(text) if text else 1.0
    except ValueError:
        return 1.0
    return min(1.0, max(0.0, q)) if q == q else 1.0
