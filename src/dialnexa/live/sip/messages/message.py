"""SIP messages: read from and written to bytes (RFC 3261 §7). ``parse`` never raises; what it refuses is a value.

The ``sipmessage`` package was measured for this place and left out: it refuses hosts that end in a digit
(``sip:100@pbx1``), folded lines and schemes in capitals, and leaks ``TypeError`` on a parameter called ``self``.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus

from dialnexa.live.sip.messages.fields import CSeq, FieldError, NameAddr, Via, readable, split_list

MAX_BYTES = 65_535
"""Longest message read; a UDP datagram cannot be longer."""
MAX_HEADERS = 256
"""More header lines than this are taken for an attack."""

_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
_REQUEST_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[^\s<>\"]+")
_VERSION = re.compile(r"SIP/\d+\.\d+", re.IGNORECASE)
_REQUEST_LINE_MEANT = re.compile(r"[A-Z]+ .* SIP/2\.0 *", re.IGNORECASE)
"""A request line with blanks too many."""
_STATUS_LINE = re.compile(r"SIP/2\.0 (\d{3})(?: (.*))?", re.IGNORECASE | re.DOTALL)

_COMPACT = {
    "a": "accept-contact", "b": "referred-by", "c": "content-type", "d": "request-disposition",
    "e": "content-encoding", "f": "from", "i": "call-id", "j": "reject-contact", "k": "supported",
    "l": "content-length", "m": "contact", "o": "event", "r": "refer-to", "s": "subject", "t": "to",
    "u": "allow-events", "v": "via", "x": "session-expires", "y": "identity",
}  # fmt: skip
"""One-letter names (IANA registry of SIP header fields)."""
_ODD_NAMES = {"call-id": "Call-ID", "cseq": "CSeq", "www-authenticate": "WWW-Authenticate", "rseq": "RSeq",
              "rack": "RAck", "mime-version": "MIME-Version"}  # fmt: skip
_USUAL = (
    "Via", "From", "To", "Call-ID", "CSeq", "Contact", "Max-Forwards", "Content-Type", "Content-Length", "Record-Route",
    "Route", "Allow", "Supported", "Require", "Proxy-Require", "Unsupported", "Accept", "Accept-Encoding",
    "Content-Encoding", "User-Agent", "Server", "Session-Expires", "Min-SE", "Retry-After", "Reason", "Warning",
    "Authorization", "Proxy-Authorization", "WWW-Authenticate", "Proxy-Authenticate", "P-Asserted-Identity",
    "P-Preferred-Identity", "Remote-Party-ID", "Diversion", "History-Info", "Privacy", "Replaces", "Refer-To",
    "Referred-By", "RSeq", "RAck", "Event", "Subscription-State", "Expires", "Timestamp", "Date", "Subject",
)  # fmt: skip
"""Names as they are mostly written: folding and checking them by hand took a tenth of a call's set-up."""
_KEYS = {written: name.lower() for name in _USUAL for written in (name, name.lower())}
_NAMES = {name.lower(): name for name in _USUAL}
_SINGLE = ("from", "to", "call-id", "cseq", "max-forwards", "content-length", "content-type")
_LISTS = ("require", "proxy-require", "supported", "accept", "unsupported")
_ADDRESS_LISTS = ("contact", "route", "record-route")
_MANDATORY = ("via", "from", "to", "call-id", "cseq")

_REASONS = {
    100: "Trying", 180: "Ringing", 181: "Call Is Being Forwarded", 182: "Queued", 183: "Session Progress", 200: "OK",
    202: "Accepted", 302: "Moved Temporarily", 403: "Forbidden", 404: "Not Found", 408: "Request Timeout",
    416: "Unsupported URI Scheme", 420: "Bad Extension", 421: "Extension Required", 422: "Session Interval Too Small",
    423: "Interval Too Brief", 480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist", 482: "Loop Detected", 483: "Too Many Hops", 484: "Address Incomplete",
    485: "Ambiguous", 486: "Busy Here", 487: "Request Terminated", 488: "Not Acceptable Here", 489: "Bad Event",
    491: "Request Pending", 500: "Server Internal Error", 503: "Service Unavailable", 505: "Version Not Supported",
    600: "Busy Everywhere", 603: "Decline", 604: "Does Not Exist Anywhere", 606: "Not Acceptable",
}  # fmt: skip


def reason_phrase(status: int) -> str:
    """Return the usual words for a status."""
    if status in _REASONS:
        return _REASONS[status]
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


class Headers:
    """Header fields in the order they came, several values per name; names are found in any case and compact form."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Iterable[tuple[str, str]] = ()) -> None:
        self._fields: dict[str, list[str]] = {}
        for name, value in fields:
            self.add(name, value)

    def add(self, name: str, value: str) -> None:
        """Append a value. Raises ``ValueError`` on a name or value that would break out of its line."""
        if not _is_name(name) or "\r" in value or "\n" in value:
            raise ValueError(f"header {name[:40]!r} cannot be written on one line")
        self._fields.setdefault(_key(name), []).append(value)

    def set(self, name: str, *values: str) -> None:
        """Replace all values; without any, remove the header."""
        if not values:
            self._fields.pop(_key(name), None)
            return
        self._fields[_key(name)] = []  # an existing name keeps its place
        for value in values:
            self.add(name, value)

    def first(self, name: str) -> str:
        """Return the first value as written, empty when there is none."""
        values = self._fields.get(_key(name))
        return values[0] if values else ""

    def all(self, name: str) -> list[str]:
        """Return every line's value as written."""
        return list(self._fields.get(_key(name), ()))

    def items_of(self, name: str) -> list[str]:
        """Return the items of a comma-separated header over all its lines, empty items left out (§7.3.1)."""
        return [item for value in self._fields.get(_key(name), ()) for item in split_list(value) if item]

    def __contains__(self, name: str) -> bool:
        return _key(name) in self._fields

    def __iter__(self) -> Iterator[tuple[str, str]]:
        # Via goes first, whenever it was set: every element on the way wants it (§7.3.1).
        for value in self._fields.get("via", ()):
            yield "Via", value
        for key, values in self._fields.items():
            if key != "via":
                name = _NAMES.get(key) or _written(key)
                for value in values:
                    yield name, value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self._fields == other._fields

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Headers({list(self)!r})"

    def copy(self, *names: str) -> Headers:
        """Return an independent copy, of these headers only if any are named."""
        keys = [key for name in names if (key := _key(name)) in self._fields] if names else self._fields
        twin = Headers()
        twin._fields = {key: list(self._fields[key]) for key in keys}
        return twin


def _key(name: str) -> str:
    if known := _KEYS.get(name):
        return known
    key = name.lower()
    return _COMPACT.get(key, key)


def _is_name(name: str) -> bool:
    return name in _KEYS or _TOKEN.fullmatch(name) is not None


def _written(key: str) -> str:
    return _ODD_NAMES.get(key) or "-".join(part.capitalize() for part in key.split("-"))


@dataclass
class SipMessage(ABC):
    """What requests and responses share. Treat as read-only once parsed or sent: parsed values are remembered."""

    headers: Headers = field(default_factory=Headers)
    body: bytes = b""

    @cached_property
    def call_id(self) -> str:
        """The Call-ID."""
        return self.headers.first("Call-ID")

    @cached_property
    def cseq(self) -> CSeq:
        """The CSeq; raises ``FieldError``, as the values below, only on messages that did not come from ``parse``."""
        return CSeq.parse(self.headers.first("CSeq"))

    @cached_property
    def sender(self) -> NameAddr:
        """The From header."""
        return NameAddr.parse(self.headers.first("From"))

    @cached_property
    def recipient(self) -> NameAddr:
        """The To header."""
        return NameAddr.parse(self.headers.first("To"))

    @cached_property
    def via(self) -> Via:
        """The topmost Via."""
        return Via.parse(self.headers.items_of("Via")[0])

    def send_via(self, via: str) -> None:
        """Put a Via on a message about to leave, in place of what it had; what was read from that is forgotten."""
        self.headers.set("Via", via)
        vars(self).pop("via", None)

    def stamp(self, source: tuple[str, int]) -> None:
        """Note in the topmost Via where the message really came from (§18.2.1, RFC 3581)."""
        rest = self.headers.items_of("Via")[1:]
        self.via = self.via.stamped(source)
        self.headers.set("Via", str(self.via), *rest)

    @property
    def content_type(self) -> str:
        """The media type of the body without parameters, in lower case."""
        return self.headers.first("Content-Type").partition(";")[0].strip().lower()

    @property
    @abstractmethod
    def start_line(self) -> str:
        """The first line, without its end."""

    def encode(self) -> bytes:
        """Write the message; Content-Length is always said, so that streams can frame it."""
        lines = [self.start_line]
        lines += [f"{name}: {value}" for name, value in self.headers if name != "Content-Length"]
        lines += [f"Content-Length: {len(self.body)}", "", ""]
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + self.body


@dataclass
class Request(SipMessage):
    """A request. ``uri`` is the Request-URI exactly as written."""

    method: str = ""
    uri: str = ""
    login: str = field(default="", compare=False)
    """The user name whose password it proves to know; set by the gate, never read from the wire."""
    origin: tuple[str, int] = field(default=("", 0), compare=False)
    """Address and port of whoever sent it, before any edge proxy of ours; set by the endpoint."""

    @property
    def start_line(self) -> str:
        """Method, URI and version."""
        return f"{self.method} {self.uri} SIP/2.0"

    def reply(
        self,
        status: int,
        reason: str = "",
        *,
        to_tag: str = "",
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        content_type: str = "application/sdp",
    ) -> Response:
        """Build a response: Via, From, Call-ID, CSeq copied, To tagged unless it already was (§8.2.6.2)."""
        copied = self.headers.copy("Via", "From", "To", "Call-ID", "CSeq")
        response = Response(copied, status=status, reason=reason or reason_phrase(status), body=body)
        if to_tag and not self.recipient.tag:
            response.headers.set("To", f"{self.headers.first('To')};tag={to_tag}")
        if status == 100 and "Timestamp" in self.headers:
            response.headers.set("Timestamp", self.headers.first("Timestamp"))
        for name, value in headers:
            response.headers.add(name, value)
        if body:
            response.headers.set("Content-Type", content_type)
        return response


@dataclass
class Response(SipMessage):
    """A response."""

    status: int = 0
    reason: str = ""

    @property
    def start_line(self) -> str:
        """Version, status and reason."""
        return f"SIP/2.0 {self.status} {self.reason}"


@dataclass(frozen=True, slots=True)
class Malformed:
    """Bytes that are no SIP message we could act on."""

    status: int
    """What a request like this is answered with (400, 505)."""
    reason: str
    """One sentence on what is wrong; never longer than a line, never more than a few characters of the input."""
    request: Request | None = None
    """The request as far as it could be read, when its Via tells where an answer may go; never an ACK."""


class _Refused(Exception):
    def __init__(self, reason: str, status: int = 400, request: Request | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.request = request


def parse(data: bytes) -> Request | Response | Malformed:
    """Read one message from one datagram. Never raises.

    Folded lines are joined, compact names expanded, bytes after Content-Length dropped (§18.3).
    """
    message: Request | Response | None = None
    try:
        head, body = _split(data)
        lines = _unfold(head)
        headers = _read_headers(lines[1:])
        message = _read_start_line(lines[0], headers)
        if isinstance(message, Request) and not lines[0].upper().endswith(" SIP/2.0"):
            raise _Refused("only SIP/2.0 is spoken here", 505)
        _check(message)
        message.body = _cut_body(headers, body)
    except (_Refused, FieldError) as error:
        status, meant = (error.status, error.request) if isinstance(error, _Refused) else (400, None)
        return Malformed(status, str(error)[:120], _answerable(message or meant))
    return message


def _split(data: bytes) -> tuple[str, bytes]:
    if len(data) > MAX_BYTES:
        raise _Refused("the message is too long", 513)
    data = data.lstrip(b"\r\n")
    head, end, body = data.partition(b"\r\n\r\n")
    if not end:
        head, end, body = data.partition(b"\n\n")
    if not end:
        raise _Refused("the headers do not end")
    # Surrogates carry bytes that are no UTF-8 through unharmed, so a copied header leaves as it came.
    return head.decode("utf-8", "surrogateescape"), body


def _unfold(head: str) -> list[str]:
    lines: list[str] = []
    folded: list[str] = []
    for line in head.replace("\r\n", "\n").split("\n"):
        if line[:1] in (" ", "\t") and lines:
            folded.append(line.strip(" \t"))
            continue
        if folded:
            lines[-1] = " ".join([lines[-1].rstrip(" \t"), *folded])
            folded = []
        lines.append(line)
    if folded:
        lines[-1] = " ".join([lines[-1].rstrip(" \t"), *folded])
    return lines


def _read_headers(lines: Sequence[str]) -> Headers:
    if len(lines) > MAX_HEADERS:
        raise _Refused("there are too many headers", 513)
    headers = Headers()
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.rstrip(" \t")
        if not colon or not _is_name(name) or "\r" in value:
            raise _Refused(f"{line[:30]!r} is not a header")
        headers.add(name, value.strip(" \t"))
    return headers


def _read_start_line(line: str, headers: Headers) -> Request | Response:
    status_line = _STATUS_LINE.fullmatch(line)
    if status_line:
        status = int(status_line[1])
        if not 100 <= status <= 699:
            raise _Refused(f"{status} is not a status")
        return Response(headers=headers, status=status, reason=readable(status_line[2] or ""))
    parts = line.split(" ")
    if len(parts) != 3 or not _TOKEN.fullmatch(parts[0]) or not _VERSION.fullmatch(parts[2]):
        # The headers may still say whom to tell (RFC 4475 §3.1.2.8 to 10).
        meant = parts[0] if _REQUEST_LINE_MEANT.fullmatch(line) else ""
        request = Request(headers=headers, method=meant) if meant else None
        raise _Refused(f"{line[:30]!r} is neither a request line nor a status line", request=request)
    return Request(headers=headers, method=parts[0], uri=parts[1])


def _check(message: Request | Response) -> None:
    """Refuse what lacks its mandatory headers, repeats a single one, or does not parse where we rely on it."""
    headers = message.headers
    for name in _MANDATORY:
        if not headers.first(name):
            raise _Refused(f"the {name} header is missing")
    for name in _SINGLE:
        if len(headers.all(name)) > 1:
            raise _Refused(f"the {name} header comes more than once")
    _ = message.via  # parsed once: it is remembered
    for via in headers.items_of("Via")[1:]:
        Via.parse(via)
    for name in _ADDRESS_LISTS:
        for address in headers.items_of(name):
            if address != "*":  # a REGISTER that takes everything back
                NameAddr.parse(address)
    for name in _LISTS:
        headers.items_of(name)
    _ = message.sender, message.recipient, message.cseq
    if isinstance(message, Response):
        return
    if message.cseq.method != message.method:
        raise _Refused("the CSeq names another method")
    if not _REQUEST_URI.fullmatch(message.uri):
        raise _Refused("the Request-URI is not a URI")
    hops = headers.first("Max-Forwards")
    if hops and not (hops.isascii() and hops.isdigit() and len(hops) <= 9 and int(hops) <= 255):
        raise _Refused("Max-Forwards is not a number up to 255")


def _cut_body(headers: Headers, body: bytes) -> bytes:
    length = headers.first("Content-Length")
    if not length:
        return body
    if not (length.isascii() and length.isdigit()) or len(length) > 9:
        raise _Refused("Content-Length is not a number")
    if int(length) > len(body):
        raise _Refused("the body is shorter than Content-Length")
    return body[: int(length)]


def _answerable(message: Request | Response | None) -> Request | None:
    if not isinstance(message, Request) or message.method == "ACK":
        return None
    try:
        _ = message.via
    except (FieldError, IndexError):
        return None
    return message
