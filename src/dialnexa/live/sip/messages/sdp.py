"""Session descriptions for audio: reading, writing, offering and answering (RFC 4566, RFC 3264).

Only what a call needs: one audio stream over RTP/AVP, or over RTP/SAVP with keys in the description (``sdes``). Other
streams of an offer are kept as lines and declined in the answer, as RFC 3264 §6 demands.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from dialnexa.live.sip.messages.sdes import Crypto, parse_cryptos

MAX_BYTES = 16_384
"""Longest description read."""
_MAX_LINES = 500
_MAX_STREAMS = 16
PLAIN = frozenset(("RTP/AVP", "RTP/AVPF"))
"""Profiles of audio in clear; the F allows RTCP feedback (RFC 4585), of which we send none."""
SECURE = frozenset(("RTP/SAVP", "RTP/SAVPF"))
"""Profiles of encrypted audio (RFC 3711, RFC 5124)."""


class SdpError(ValueError):
    """The description is nonsense, or not for us; the message says why."""


class NotAcceptable(SdpError):
    """Well formed, but nothing we can do; an offer like this is answered with 488, not 400."""


class NoCommonCodec(NotAcceptable):
    """The offer names no codec we speak."""


class Direction(StrEnum):
    """Which way audio flows, seen by the side that says it (RFC 3264 §5.1)."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @property
    def mirrored(self) -> Direction:
        """The fitting answer: who only sends is answered by who only receives."""
        return _MIRRORED[self]

    @property
    def sends(self) -> bool:
        """Whether the side that says this sends audio."""
        return self in (Direction.SENDRECV, Direction.SENDONLY)


_MIRRORED = {
    Direction.SENDRECV: Direction.SENDRECV,
    Direction.SENDONLY: Direction.RECVONLY,
    Direction.RECVONLY: Direction.SENDONLY,
    Direction.INACTIVE: Direction.INACTIVE,
}


@dataclass(frozen=True, slots=True)
class Codec:
    """One payload format. ``rate`` is the RTP clock rate in Hz."""

    payload_type: int
    name: str
    rate: int = 8000
    channels: int = 1
    fmtp: str = ""

    def same_format(self, other: Codec) -> bool:
        """Whether both mean the same format, whatever number it goes by."""
        return (self.name.lower(), self.rate, self.channels) == (other.name.lower(), other.rate, other.channels)

    @property
    def is_event(self) -> bool:
        """Whether this is telephone-event (RFC 4733) and no audio."""
        return self.name.lower() == "telephone-event"

    @property
    def is_speech(self) -> bool:
        """Whether this can carry a conversation: neither keys nor the noise of pauses."""
        return not self.is_event and self.name.upper() != "CN"


PCMU = Codec(0, "PCMU")
PCMA = Codec(8, "PCMA")
G722 = Codec(9, "G722")
"""Its clock says 8000 by historical mistake (RFC 3551 §4.5.2)."""
OPUS = Codec(107, "opus", 48_000, 2, "maxplaybackrate=8000;sprop-maxcapturerate=8000;useinbandfec=1")
"""Always named with two channels (RFC 7587 §4.1). A call is 8 kHz inside, so nobody need send more."""
TELEPHONE_EVENT = Codec(101, "telephone-event", fmtp="0-15")
WIDE_EVENT = Codec(100, "telephone-event", 48_000, fmtp="0-15")
"""Keys beside Opus, at its clock (RFC 4733 §2.1)."""
DEFAULT_CODECS = (PCMU, PCMA, G722, OPUS, TELEPHONE_EVENT, WIDE_EVENT)
"""What we offer and accept, best first: what costs no conversion before what does, as a call is 8 kHz inside."""
_BY_NAME = {codec.name.upper(): codec for codec in (PCMU, PCMA, G722, OPUS)}

_STATIC = {0: PCMU, 3: Codec(3, "GSM"), 8: PCMA, 9: G722, 18: Codec(18, "G729"), 13: Codec(13, "CN")}
"""Payload types with a meaning of their own (RFC 3551 §6)."""


def codecs_named(names: Sequence[str]) -> tuple[Codec, ...]:
    """Return the codecs in the order of their names, keys beside them; all of ours in our order for no names.

    Raises ``ValueError`` for a name we do not speak.
    """
    wanted = list(dict.fromkeys(name.strip().upper() for name in names))
    if not wanted:
        return DEFAULT_CODECS
    if strange := [name for name in wanted if name not in _BY_NAME]:
        raise ValueError(f"{', '.join(strange)} is not spoken here; choose from {', '.join(_BY_NAME)}")
    events = (TELEPHONE_EVENT, WIDE_EVENT) if "OPUS" in wanted else (TELEPHONE_EVENT,)
    return (*(_BY_NAME[name] for name in wanted), *events)


@dataclass(frozen=True, slots=True)
class SessionDescription:
    """One side's wish for one audio stream. ``address`` is an IP literal, ``ptime`` is in ms (``None``: not said)."""

    address: str
    port: int
    codecs: tuple[Codec, ...] = DEFAULT_CODECS
    direction: Direction = Direction.SENDRECV
    ptime: int | None = 20
    session_id: int = 1
    version: int = 1
    profile: str = "RTP/AVP"
    cryptos: tuple[Crypto, ...] = ()
    """The keys this side may send with, best first; beside RTP/AVP they mean: encrypted, if you can."""
    rtcp_mux: bool = False
    """Whether RTCP may share the RTP port (RFC 5761)."""
    rtcp_port: int | None = None
    """Where RTCP is wanted instead of the port after RTP's (RFC 3605)."""
    alternatives: tuple[SessionDescription, ...] = ()
    """The same description with another of its audio streams chosen: some peers offer one in clear, one encrypted."""
    declined_before: tuple[str, ...] = ()
    """Values of the m-lines before the audio line that we do not speak, such as ``video 0 RTP/AVP 96``."""
    declined_after: tuple[str, ...] = ()

    @property
    def on_hold(self) -> bool:
        """Whether this side asks the other to stop sending: sendonly, inactive, or the old 0.0.0.0 way."""
        return self.direction in (Direction.SENDONLY, Direction.INACTIVE) or self.address in ("0.0.0.0", "::")

    @property
    def secure(self) -> bool:
        """Whether the profile demands encryption."""
        return self.profile in SECURE

    @property
    def rejected(self) -> bool:
        """Whether the audio stream is refused (port 0)."""
        return self.port == 0

    @property
    def audio(self) -> Codec | None:
        """The first codec that carries audio: in an answer, the one to send with."""
        return next((codec for codec in self.codecs if codec.is_speech), None)

    @property
    def telephone_event(self) -> Codec | None:
        """The telephone-event format for keypad digits: at the audio's own rate, else any.

        Many phones offer it at 8000 Hz only, whatever their codec.
        """
        audio = self.audio
        events = [codec for codec in self.codecs if codec.is_event]
        return next((event for event in events if audio and event.rate == audio.rate), events[0] if events else None)

    def revised(self, **changes: object) -> SessionDescription:
        """Return a changed description with the next version number (RFC 3264 §8)."""
        return replace(self, version=self.version + 1, **changes)  # type: ignore[arg-type]

    def encode(self) -> bytes:
        """Write the description."""
        family = "IP6" if ":" in self.address else "IP4"
        # The origin needs a unicast address even on hold; the version marks changes.
        lines = [
            "v=0",
            f"o=dialnexa {self.session_id} {self.version} IN {family} {self.address}",
            "s=-",
            f"c=IN {family} {self.address}",
            "t=0 0",
        ]
        lines += [f"m={stream}" for stream in self.declined_before]
        lines.append(f"m=audio {self.port} {self.profile} {' '.join(str(codec.payload_type) for codec in self.codecs)}")
        lines += _codec_lines(self.codecs)
        lines += [f"a={crypto.encode()}" for crypto in self.cryptos]
        if self.ptime is not None:
            lines.append(f"a=ptime:{self.ptime}")
        if self.rtcp_mux:
            lines.append("a=rtcp-mux")
        lines.append(f"a={self.direction.value}")
        lines += [f"m={stream}" for stream in self.declined_after]
        return ("\r\n".join(lines) + "\r\n").encode()


def _codec_lines(codecs: Iterable[Codec]) -> list[str]:
    lines: list[str] = []
    for codec in codecs:
        channels = f"/{codec.channels}" if codec.channels != 1 else ""
        lines.append(f"a=rtpmap:{codec.payload_type} {codec.name}/{codec.rate}{channels}")
        if codec.fmtp:
            lines.append(f"a=fmtp:{codec.payload_type} {codec.fmtp}")
    return lines


def make_offer(
    address: str,
    port: int,
    *,
    codecs: Sequence[Codec] = DEFAULT_CODECS,
    ptime: int = 20,
    direction: Direction = Direction.SENDRECV,
) -> SessionDescription:
    """Offer our codecs at an address and RTP port of ours."""
    return SessionDescription(address, port, tuple(codecs), direction, ptime, secrets.randbits(31), 1, rtcp_mux=True)


def make_answer(
    offer: SessionDescription,
    address: str,
    port: int,
    *,
    codecs: Sequence[Codec] = DEFAULT_CODECS,
    ours_first: bool = False,
    previous: SessionDescription | None = None,
    crypto: Crypto | None = None,
) -> SessionDescription:
    """Answer with the first offered codec we speak, telephone-event beside it, under the offerer's numbers.

    ``ours_first`` takes the first of ``codecs`` that is offered instead. ``previous`` is our last description of the
    same call, so that the origin stays and the version grows; ``crypto`` our key, under the tag of the offered line it
    takes. Raises ``NoCommonCodec`` when nothing fits, the audio line is refused, or its profile is neither in clear nor
    one we have a key for.
    """
    if offer.rejected or not (offer.profile in PLAIN or (offer.secure and crypto)):
        raise NoCommonCodec(
            f"cannot answer {offer.profile} on port {offer.port}; RTP/AVP is spoken here, and RTP/SAVP with keys"
        )
    spoken = _common(offer.codecs, codecs, ours_first=ours_first)
    audio = next((codec for codec in spoken if codec.is_speech), None)
    if audio is None:
        offered = ", ".join(codec.name for codec in offer.codecs) or "nothing known"
        raise NoCommonCodec(f"the offer has {offered}; we speak {', '.join(codec.name for codec in codecs)}")
    event = replace(offer, codecs=(audio, *(codec for codec in spoken if codec.is_event))).telephone_event
    session_id, version = (previous.session_id, previous.version + 1) if previous else (secrets.randbits(31), 1)
    return SessionDescription(
        address,
        port,
        (audio, *([event] if event else [])),
        offer.direction.mirrored,
        20,
        session_id,
        version,
        offer.profile,
        (crypto,) if crypto else (),
        offer.rtcp_mux,
        declined_before=tuple(_declined(stream) for stream in offer.declined_before),
        declined_after=tuple(_declined(stream) for stream in offer.declined_after),
    )


def _common(offered: Sequence[Codec], ours: Sequence[Codec], *, ours_first: bool) -> list[Codec]:
    """Return what both speak, under the offerer's numbers and with our own parameters."""
    pairs = [(theirs, own) for theirs in offered for own in ours if theirs.same_format(own)]
    if ours_first:
        pairs.sort(key=lambda pair: ours.index(pair[1]))
    return [replace(own, payload_type=theirs.payload_type, name=theirs.name) for theirs, own in pairs]


def narrowed(remote: SessionDescription, local: SessionDescription) -> SessionDescription:
    """Return ``remote`` with only the formats that ``local`` names too, so that ``audio`` is the codec to send with.

    Of several audio streams of ``remote`` it is the one that ``local`` speaks of, by its place.
    """
    place = len(local.declined_before)
    remote = next((other for other in remote.alternatives if len(other.declined_before) == place), remote)
    common = tuple(codec for codec in remote.codecs if any(codec.same_format(ours) for ours in local.codecs))
    return replace(remote, codecs=common, alternatives=())


def _declined(stream: str) -> str:
    kind, _, rest = stream.partition(" ")
    return f"{kind} 0 {rest.partition(' ')[2]}"


# --- reading ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Section:
    """The lines of one m= section, or of the session part before the first."""

    media: str
    connection: str | None
    attributes: list[str]


def parse_sdp(body: bytes) -> SessionDescription:
    """Read the first usable audio stream of a description. Raises ``SdpError`` only."""
    session, streams = _sections(body)
    first, *others = (_describe(body, session, streams, chosen) for chosen in _usable(streams))
    return replace(first, alternatives=tuple(others)) if others else first


def _describe(body: bytes, session: _Section, streams: Sequence[_Section], chosen: int) -> SessionDescription:
    stream = streams[chosen]
    port, profile, formats = _media_line(stream.media)
    connection = stream.connection if stream.connection is not None else session.connection
    if connection is None:
        raise SdpError("there is no connection (c=) line")
    attributes = stream.attributes
    return SessionDescription(
        _address(connection),
        port,
        _codecs(formats, attributes) if profile.startswith("RTP/") else (),
        _direction(attributes) or _direction(session.attributes) or Direction.SENDRECV,
        _ptime(attributes),
        *_origin(body),
        profile=profile,
        cryptos=parse_cryptos(attributes),
        rtcp_mux="rtcp-mux" in attributes,
        rtcp_port=_rtcp_port(attributes),
        declined_before=tuple(other.media for other in streams[:chosen]),
        declined_after=tuple(other.media for other in streams[chosen + 1 :]),
    )


def _sections(body: bytes) -> tuple[_Section, list[_Section]]:
    if len(body) > MAX_BYTES:
        raise SdpError("the description is too long")
    lines = [line for line in body.decode("utf-8", "replace").replace("\r", "\n").split("\n") if line]
    if not lines or lines[0].strip() != "v=0":
        raise SdpError("the description does not start with v=0")
    if len(lines) > _MAX_LINES:
        raise SdpError("the description has too many lines")
    session = current = _Section("", None, [])
    streams: list[_Section] = []
    for line in lines:
        kind, equals, value = line.partition("=")
        if not equals or len(kind) != 1:
            raise SdpError(f"{line[:30]!r} is not a description line")
        if kind == "m":
            current = _Section(value.strip(), None, [])
            streams.append(current)
        elif kind == "c":
            # A stream may name several (layered multicast); the first counts.
            current.connection = current.connection if current.connection is not None else value.strip()
        elif kind == "a":
            current.attributes.append(value.strip())
    if not 0 < len(streams) <= _MAX_STREAMS:
        raise SdpError("the description has no stream, or too many")
    return session, streams


def _usable(streams: Sequence[_Section]) -> list[int]:
    """Return the places of the audio streams we might speak, or of the first there is."""
    audio = [index for index, stream in enumerate(streams) if stream.media.split(" ")[0] == "audio"]
    if not audio:
        raise NotAcceptable("the description has no audio stream")
    lines = {index: _media_line(streams[index].media) for index in audio}
    return [index for index, (port, profile, _) in lines.items() if port and profile in PLAIN | SECURE] or audio[:1]


def _media_line(media: str) -> tuple[int, str, list[str]]:
    parts = media.split()
    if len(parts) < 4:
        raise SdpError(f"{media[:40]!r} is not a media line")
    port = parts[1].partition("/")[0]
    if not _is_number(port, 65535):
        raise SdpError(f"{port[:10]!r} is not a port")
    return int(port), parts[2].upper(), parts[3:]


def _address(connection: str) -> str:
    parts = connection.split()
    if len(parts) != 3 or parts[0] != "IN" or parts[1] not in ("IP4", "IP6"):
        raise SdpError(f"{connection[:40]!r} is not an internet address")
    try:
        address = ipaddress.ip_address(parts[2])
    except ValueError:
        raise NotAcceptable(f"{parts[2][:40]!r} is not an IP address") from None
    if (address.version == 4) != (parts[1] == "IP4"):
        raise SdpError("the address is not of the family it claims")
    broadcast = address.version == 4 and int(address) == 2**32 - 1
    if address.is_multicast or broadcast:
        # Sending audio there would make us an amplifier.
        raise NotAcceptable("media must not go to a multicast or broadcast address")
    return str(address)


def _codecs(formats: Sequence[str], attributes: Sequence[str]) -> tuple[Codec, ...]:
    maps: dict[int, Codec] = {}
    fmtp: dict[int, str] = {}
    for attribute in attributes:
        name, _, value = attribute.partition(":")
        number, _, rest = value.strip().partition(" ")
        if name == "rtpmap" and _is_number(number, 127):
            maps[int(number)] = _rtpmap(int(number), rest.strip())
        elif name == "fmtp" and _is_number(number, 127):
            fmtp[int(number)] = rest.strip()
    codecs: list[Codec] = []
    for text in formats:
        if not _is_number(text, 127):
            raise SdpError(f"{text[:10]!r} is not a payload type")
        known = maps.get(int(text)) or _STATIC.get(int(text))
        if known and all(codec.payload_type != int(text) for codec in codecs):
            codecs.append(replace(known, fmtp=fmtp.get(int(text), "")))
    return tuple(codecs)


def _rtpmap(number: int, text: str) -> Codec:
    name, *rest = text.split("/")
    rate = rest[0] if rest else ""
    channels = rest[1] if len(rest) > 1 else "1"
    if not name or not _is_number(rate, 384_000) or not _is_number(channels, 8) or int(rate) == 0:
        raise SdpError(f"{text[:40]!r} is not an rtpmap")
    return Codec(number, name, int(rate), int(channels))


def _direction(attributes: Sequence[str]) -> Direction | None:
    return next((Direction(attribute) for attribute in attributes if attribute in _MIRRORED), None)


def _ptime(attributes: Sequence[str]) -> int | None:
    values = [attribute[6:].strip() for attribute in attributes if attribute.startswith("ptime:")]
    return int(values[0]) if values and _is_number(values[0], 1000) and int(values[0]) else None


def _rtcp_port(attributes: Sequence[str]) -> int | None:
    """Return the port of an ``rtcp`` attribute; its address is not asked for: RTCP comes from where RTP does."""
    values = [attribute[5:].split() for attribute in attributes if attribute.startswith("rtcp:")]
    port = values[0][0] if values and values[0] else ""
    return int(port) if _is_number(port, 65535) and int(port) else None


def _origin(body: bytes) -> tuple[int, int]:
    """Return session id and version; some peers write garbage here and mean no harm."""
    for line in body.replace(b"\r", b"\n").split(b"\n"):
        if line.startswith(b"o="):
            parts = line[2:].decode("utf-8", "replace").split()
            if len(parts) >= 3 and _is_number(parts[1], 2**64) and _is_number(parts[2], 2**64):
                return int(parts[1]), int(parts[2])
    return 0, 0


def _is_number(text: str, largest: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 20 and int(text) <= largest
