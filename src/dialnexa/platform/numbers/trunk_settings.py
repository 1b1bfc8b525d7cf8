"""The habits of a carrier as a trunk's settings: what may be set, and the sentence for what may not.

Every reader here raises ``ValueError`` with words that follow the name of the field.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from dialnexa.platform.numbers.trunks import is_host, read_host_port

Transport = Literal["udp", "tcp", "tls"]
Encryption = Literal["never", "offered", "required"]
RegistrationMode = Literal["none", "outbound", "inbound"]
Dtmf = Literal["auto", "rfc4733", "info", "inband"]
Privacy = Literal["none", "id"]
Identity = Literal["asserted", "preferred"]

CODECS = ("PCMU", "PCMA", "G722", "opus")
MOST_HEADERS = 16
_LONGEST_VALUE = 512
_OTHER_NAMES = {"ULAW": "PCMU", "G711U": "PCMU", "ALAW": "PCMA", "G711A": "PCMA", "OPUS": "opus"}
_TOKEN = re.compile(r"[A-Za-z0-9.!%*_+`'~-]{1,64}")
_USER = re.compile(r"[A-Za-z0-9_.!~*'()&=+$,;?/%-]{1,64}")
_RESERVED = frozenset(
    {
        "accept",
        "accept-encoding",
        "accept-language",
        "alert-info",
        "allow",
        "allow-events",
        "also",
        "authorization",
        "call-id",
        "contact",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-length",
        "content-type",
        "cseq",
        "date",
        "event",
        "expires",
        "from",
        "identity",
        "in-reply-to",
        "max-forwards",
        "mime-version",
        "min-expires",
        "min-se",
        "p-asserted-identity",
        "p-preferred-identity",
        "path",
        "proxy-authenticate",
        "proxy-authorization",
        "privacy",
        "proxy-require",
        "rack",
        "record-route",
        "refer-to",
        "referred-by",
        "replaces",
        "reply-to",
        "require",
        "retry-after",
        "route",
        "rseq",
        "server",
        "service-route",
        "session-expires",
        "sip-etag",
        "sip-if-match",
        "supported",
        "timestamp",
        "to",
        "unsupported",
        "user-agent",
        "via",
        "www-authenticate",
    }
)
"""Headers that belong to the SIP stack: a second one would be malformed, another one would break the call."""


@dataclass(frozen=True, slots=True)
class TrunkSettings:
    """How a carrier wants to be spoken to; the fields are columns of ``SipTrunk`` under the same names."""

    transport: Transport = "udp"
    outbound_proxy: str = ""
    registration: RegistrationMode = "none"
    registration_expiry_s: int = 600
    from_user: str = ""
    from_domain: str = ""
    plus: bool = True
    strip_prefix: str = ""
    add_prefix: str = ""
    headers: tuple[str, ...] = ()
    """``Name: value``, in the order they are sent."""
    codecs: tuple[str, ...] = ()
    encryption: Encryption = "never"
    accept_transfers: bool = False
    """Whether the far end may send a call of ours to somebody else on the trunk, or put somebody in its own place."""
    dtmf: Dtmf = "auto"
    privacy: Privacy = "none"
    identity: Identity = "asserted"


def read_proxy(text: str) -> str:
    """Return an outbound proxy as ``host[:port]``; empty: none."""
    return str(read_host_port(text)) if text.strip() else ""


def read_from_user(text: str) -> str:
    """Return the user part of From."""
    if text and not _USER.fullmatch(text):
        raise ValueError("must be the part before the @ of a SIP address, such as an account name or a number")
    return text


def read_from_domain(text: str) -> str:
    """Return the host part of From."""
    if text and not is_host(text):
        raise ValueError("must be a host name or address without port, such as sip.example.com")
    return text


def read_headers(given: Mapping[str, str]) -> list[str]:
    """Return ``Name: value`` lines, of headers that are not the SIP stack's own and break no line."""
    if len(given) > MOST_HEADERS:
        raise ValueError(f"must name {MOST_HEADERS} headers or fewer (received {len(given)})")
    return [f"{name}: {_header_value(name, value)}" for name, value in given.items() if _header_name(name)]


def header_pairs(lines: Sequence[str]) -> list[tuple[str, str]]:
    """Return name and value of each line."""
    return [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]


def read_codecs(given: Sequence[str]) -> list[str]:
    """Return codec names as SDP has them, each once."""
    return list(dict.fromkeys(_codec(name) for name in given))


def _header_name(name: str) -> str:
    if not _TOKEN.fullmatch(name):
        raise ValueError(f'has the name "{name[:40]}", which is no header name: use letters, digits and dashes')
    if name.lower() in _RESERVED or len(name) == 1:
        raise ValueError(f"cannot set {name}: that header belongs to the call itself. Use names such as X-Account")
    return name


def _header_value(name: str, value: str) -> str:
    if not value.strip() or len(value) > _LONGEST_VALUE:
        raise ValueError(f"has no usable value for {name}: use 1 to {_LONGEST_VALUE} characters")
    if not value.isprintable():
        raise ValueError(f"has a line break or control character in {name}: a header is one line of text")
    return value.strip()


def _codec(name: str) -> str:
    plain = name.strip().upper().replace(".", "").replace("-", "")
    known = _OTHER_NAMES.get(plain, plain)
    if known not in CODECS:
        raise ValueError(f'has no codec "{name[:20]}": use {", ".join(CODECS)}, the preferred one first')
    return known
