"""Values inside SIP headers: URIs, name-addrs, Vias and their parameters (RFC 3261 §19.1, §20, §25).

Everything is linear in the length of its input and raises only ``FieldError``. Parsing is as liberal as real carriers
need (``sip:100@pbx1`` is a host that ends in a digit, schemes come in capitals); what is written follows the grammar.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import quote, unquote

from dialnexa.live.sip.messages.hop import TCP, TLS, UDP, Hop, default_port

Params = Mapping[str, str | None]
"""Parameters by lower-case name; values exactly as written, quotes included; ``None`` for a bare flag."""

_NAME = re.compile(r"[^\s=;,\"<>@]+")
_ADDR_SPEC = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[^\s<>\"]+")
_NOT_IN_URI = re.compile(r"[\s<>\"]")
_PLAIN_DISPLAY = re.compile(r"[^<>\",;:@]*")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.\-]*)")
_VIA = re.compile(
    r"SIP\s*/\s*\d\.\d\s*/\s*(?P<transport>[A-Za-z0-9.+\-]+)\s+"
    r"(?P<host>\[[^\]\s]+\]|[^\s:;,\[\]]+)\s*(?::\s*(?P<port>\d{1,5})\s*)?(?P<params>;.*)?",
    re.IGNORECASE | re.DOTALL,
)
_USER_SAFE = "-_.!~*'()&=+$,;?/"


class FieldError(ValueError):
    """A header value is not what its grammar allows; the message says which and why."""


def split_list(value: str, separator: str = ",") -> list[str]:
    """Split at separators that stand outside quotes and angle brackets; parts are stripped.

    Raises ``FieldError`` when a quote is never closed.
    """
    if separator not in value and '"' not in value:
        return [value.strip()]
    if '"' not in value and "<" not in value:
        return [part.strip() for part in value.split(separator)]
    parts: list[str] = []
    start = at = 0
    bracketed = False
    while at < len(value):
        char = value[at]
        if char == '"' and not bracketed:
            match = _QUOTED.match(value, at)
            if match is None:
                raise FieldError("a quoted string is never closed")
            at = match.end()
            continue
        if char == "<":
            bracketed = True
        elif char == ">":
            bracketed = False
        elif char == separator and not bracketed:
            parts.append(value[start:at].strip())
            start = at + 1
        at += 1
    parts.append(value[start:].strip())
    return parts


def parse_params(text: str) -> dict[str, str | None]:
    """Read ``;name=value;flag``; the text starts with ``;`` or is empty. The first of a repeated name counts."""
    text = text.strip()
    if not text:
        return {}
    if not text.startswith(";"):
        raise FieldError(f"parameters must start with a semicolon, not {text[:20]!r}")
    params: dict[str, str | None] = {}
    for part in split_list(text[1:], ";"):
        name, equals, value = part.partition("=")
        name = name.strip()
        if not _NAME.fullmatch(name):
            raise FieldError(f"{part[:20]!r} is not a parameter")
        params.setdefault(name.lower(), value.strip() if equals else None)
    return params


def write_params(params: Params) -> str:
    """Write parameters back as ``;name=value;flag``."""
    return "".join(f";{name}" if value is None else f";{name}={value}" for name, value in params.items())


def unquote_string(value: str) -> str:
    """Return what a quoted string means; anything unquoted stays as it is."""
    if len(value) >= 2 and value[0] == value[-1] == '"':
        return re.sub(r"\\(.)", r"\1", value[1:-1], flags=re.DOTALL)
    return value


def quote_string(value: str) -> str:
    """Write a quoted string (RFC 3261 §25.1)."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def readable(text: str) -> str:
    """Return text of a peer as it may be kept and shown: bytes that are no UTF-8, and NUL, become U+FFFD.

    Inside headers such bytes travel as surrogates, which no database and no JSON takes.
    """
    return _text(text).replace("\0", "\ufffd")


def _text(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def parse_host(host: str) -> str:
    """Check a host name or address and return it in lower case, IPv6 without brackets."""
    if host.startswith("["):
        try:
            return str(ipaddress.IPv6Address(host[1:].removesuffix("]") if host.endswith("]") else ""))
        except ValueError:
            raise FieldError(f"{host[:50]!r} is not an IPv6 address") from None
    if not _HOST.fullmatch(host):
        raise FieldError(f"{host[:50]!r} is not a host")
    return host.lower()


def parse_port(port: str | None) -> int | None:
    """Check a port number; ``None`` and empty mean that none was given."""
    if not port:
        return None
    if not port.isascii() or not port.isdigit() or not 0 < int(port[:6]) < 65536:
        raise FieldError(f"{port[:10]!r} is not a port")
    return int(port)


def bracket(host: str) -> str:
    """Write a host for a URI or Via: IPv6 addresses get their brackets."""
    return f"[{host}]" if ":" in host else host


@dataclass(frozen=True, slots=True)
class Uri:
    """A SIP, SIPS or TEL URI (RFC 3261 §19.1, RFC 3966). ``user`` is unescaped; a TEL number is the user of no host."""

    scheme: str
    host: str
    user: str = ""
    port: int | None = None
    params: Params = field(default_factory=dict[str, str | None])
    headers: str = ""
    """What follows the question mark."""

    @classmethod
    def parse(cls, text: str) -> Uri:
        """Read a URI; raises ``FieldError``."""
        scheme, colon, rest = text.partition(":")
        scheme = scheme.lower()
        if not colon or _NOT_IN_URI.search(text):
            raise FieldError(f"{text[:50]!r} is not a URI")
        if scheme == "tel":
            number, semicolon, params = rest.partition(";")
            return cls("tel", "", _text(unquote(number)), None, parse_params(semicolon + params))
        if scheme not in ("sip", "sips"):
            raise FieldError(f"{scheme[:20]!r} is not a URI scheme of ours")
        userinfo, _, rest = rest.rpartition("@")
        rest, _, headers = rest.partition("?")
        hostport, semicolon, params = rest.partition(";")
        host, port = _split_port(hostport)
        user = _text(unquote(userinfo.partition(":")[0]))
        return cls(scheme, parse_host(host), user, parse_port(port), parse_params(semicolon + params), headers)

    @property
    def transport(self) -> str:
        """UDP, TCP, TLS, or whatever is written: what the URI asks for; ``sips`` means TLS (§26.2.2)."""
        named = (self.params.get("transport") or UDP).upper()
        return TLS if self.scheme == "sips" and named in (UDP, TCP) else named

    @property
    def hop(self) -> Hop:
        """Where a request to this URI goes; ``maddr`` is not followed, so nobody aims us elsewhere."""
        return Hop(self.host, self.port or default_port(self.transport), self.transport)

    def __str__(self) -> str:
        user = quote(self.user, safe=_USER_SAFE)
        if self.scheme == "tel":
            return f"tel:{user}{write_params(self.params)}"
        port = f":{self.port}" if self.port else ""
        at = "@" if user else ""
        headers = f"?{self.headers}" if self.headers else ""
        return f"{self.scheme}:{user}{at}{bracket(self.host)}{port}{write_params(self.params)}{headers}"


def _split_port(hostport: str) -> tuple[str, str]:
    if hostport.startswith("["):
        host, closing, port = hostport.partition("]")
        if port and not port.startswith(":"):
            raise FieldError(f"{hostport[:50]!r} is not a host and port")
        return host + closing, port[1:]
    host, _, port = hostport.partition(":")
    return host, port


@dataclass(frozen=True, slots=True)
class NameAddr:
    """The value of From, To, Contact, Route and their like: display name, URI as written, header parameters."""

    uri: str
    display: str = ""
    params: Params = field(default_factory=dict[str, str | None])

    @classmethod
    def parse(cls, text: str) -> NameAddr:
        """Read ``"Name" <uri>;params`` or ``uri;params``; raises ``FieldError``. The URI is only looked at loosely."""
        text = text.strip()
        display = ""
        if text.startswith('"'):
            match = _QUOTED.match(text)
            if match is None:
                raise FieldError("a display name is never closed")
            display, text = unquote_string(match.group()), text[match.end() :].lstrip()
            if not text.startswith("<"):
                raise FieldError("a quoted display name must be followed by <")
        before, bracket_open, rest = text.partition("<")
        if not bracket_open:
            uri, semicolon, params = text.partition(";")
            uri = uri.strip()
            # Without brackets these would belong to the URI or to the next value: ambiguous, so forbidden (§20).
            if "?" in uri or "," in uri:
                raise FieldError(f"{uri[:50]!r} needs angle brackets")
            return cls(_addr_spec(uri), "", parse_params(semicolon + params))
        if not _PLAIN_DISPLAY.fullmatch(before):
            raise FieldError(f"{before[:30]!r} must be quoted")
        uri, closing, params = rest.partition(">")
        if not closing:
            raise FieldError("an angle bracket is never closed")
        return cls(_addr_spec(uri.strip()), display or before.strip(), parse_params(params))

    @property
    def tag(self) -> str:
        """The tag parameter, empty when there is none."""
        return self.params.get("tag") or ""

    @property
    def user(self) -> str:
        """The user part of the URI, unescaped; empty when the URI has none or cannot be read."""
        try:
            return Uri.parse(self.uri).user
        except FieldError:
            return ""

    def tagged(self, tag: str) -> NameAddr:
        """Return the same address with another tag; an empty tag takes it away."""
        params = {name: value for name, value in self.params.items() if name != "tag"}
        return replace(self, params={**params, "tag": tag} if tag else params)

    def __str__(self) -> str:
        display = f"{quote_string(self.display)} " if self.display else ""
        return f"{display}<{self.uri}>{write_params(self.params)}"


def _addr_spec(uri: str) -> str:
    if not _ADDR_SPEC.fullmatch(uri):
        raise FieldError(f"{uri[:50]!r} is not a URI")
    return uri


@dataclass(frozen=True, slots=True)
class Via:
    """One hop of a message's way (RFC 3261 §20.42, RFC 3581)."""

    transport: str
    host: str
    port: int | None = None
    params: Params = field(default_factory=dict[str, str | None])

    @classmethod
    def parse(cls, text: str) -> Via:
        """Read one Via value; raises ``FieldError``."""
        match = _VIA.fullmatch(text.strip())
        if match is None:
            raise FieldError(f"{text[:50]!r} is not a Via")
        params = parse_params(match["params"] or "")
        return cls(match["transport"].upper(), parse_host(match["host"]), parse_port(match["port"]), params)

    @property
    def branch(self) -> str:
        """The branch parameter, empty when there is none."""
        return self.params.get("branch") or ""

    @property
    def sent_by(self) -> str:
        """Host and port the sender claims for itself, in one canonical form."""
        return f"{bracket(self.host)}:{self.port or default_port(self.transport)}"

    @property
    def reply_to(self) -> tuple[str, int]:
        """Where responses go over UDP once ``stamped``: §18.2.2 and RFC 3581 §4; ``maddr`` is not followed."""
        received = (self.params.get("received") or self.host).strip("[]")
        rport = self.params.get("rport") or ""
        port = int(rport) if rport.isascii() and rport.isdigit() and len(rport) < 6 else self.port
        return received, port or default_port(self.transport)

    @property
    def listens_at(self) -> tuple[str, int]:
        """Where to connect when the connection of a request is gone before its answer (§18.2.2): never to ``rport``."""
        received = (self.params.get("received") or self.host).strip("[]")
        return received, self.port or default_port(self.transport)

    def stamped(self, source: tuple[str, int]) -> Via:
        """Return the Via with what the receiver saw: ``received`` when it differs, ``rport`` when asked (RFC 3581)."""
        params = dict(self.params)
        params.pop("received", None)
        if "rport" in params:
            params["rport"] = str(source[1])
        if "rport" in params or self.host != source[0]:
            params["received"] = source[0]
        return replace(self, params=params)

    def __str__(self) -> str:
        port = f":{self.port}" if self.port else ""
        return f"SIP/2.0/{self.transport} {bracket(self.host)}{port}{write_params(self.params)}"


@dataclass(frozen=True, slots=True)
class CSeq:
    """Number and method that order the requests of a dialog (§20.16)."""

    number: int
    method: str

    @classmethod
    def parse(cls, text: str) -> CSeq:
        """Read a CSeq; the number must stay below 2**31 (§8.1.1.5)."""
        parts = text.split()
        if len(parts) != 2 or not (parts[0].isascii() and parts[0].isdigit()) or len(parts[0]) > 20:
            raise FieldError(f"{text[:50]!r} is not a CSeq")
        number = int(parts[0])
        if number >= 2**31:
            raise FieldError("the CSeq number is 2**31 or more")
        return cls(number, parts[1])

    def __str__(self) -> str:
        return f"{self.number} {self.method}"
