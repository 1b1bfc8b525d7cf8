"""Encrypted RTP and RTCP (RFC 3711, RFC 7714) with libsrtp: packets in, packets out, nothing else.

Replayed and tampered packets come back as ``None``. The roll-over counter and the replay window live with each key, so
a key that goes on after a re-INVITE keeps them (RFC 4568 §7.1.4).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from pylibsrtp import Error, Policy, Session

_NUMBERS = cast("Mapping[str, int]", vars(Policy))
"""libsrtp's constants, which come without types."""
_PROFILES = {
    "AES_CM_128_HMAC_SHA1_80": _NUMBERS["SRTP_PROFILE_AES128_CM_SHA1_80"],
    "AES_CM_128_HMAC_SHA1_32": _NUMBERS["SRTP_PROFILE_AES128_CM_SHA1_32"],
    "AEAD_AES_128_GCM": _NUMBERS["SRTP_PROFILE_AEAD_AES_128_GCM"],
    "AEAD_AES_256_GCM": _NUMBERS["SRTP_PROFILE_AEAD_AES_256_GCM"],
}
_WINDOW = 256
"""Packets (5 s) that may be overtaken and still count as new; a burst after a stall uses up libsrtp's own 128."""


@dataclass(frozen=True, slots=True)
class SrtpKeys:
    """What both sides agreed on: the suite by its name in SDP, and each side's master key and salt."""

    suite: str
    ours: bytes = field(repr=False)
    theirs: bytes = field(repr=False)


class Srtp:
    """Seals what one call sends and opens what it receives."""

    def __init__(self, keys: SrtpKeys) -> None:
        """Raises ``KeyError`` for a suite that libsrtp is not built with, ``ValueError`` for a key too short."""
        self._keys = keys
        self._sealing = _session(keys.suite, keys.ours, _NUMBERS["SSRC_ANY_OUTBOUND"])
        self._opening = _session(keys.suite, keys.theirs, _NUMBERS["SSRC_ANY_INBOUND"])
        self._opened_before: Session | None = None

    @property
    def suite(self) -> str:
        """The suite's name in SDP."""
        return self._keys.suite

    def rekey(self, keys: SrtpKeys) -> None:
        """Go on with these keys; a direction whose key stayed keeps its counters.

        Packets under the far end's old key may still be on their way: they are opened until one of the new comes.
        """
        old, self._keys = self._keys, keys
        if (keys.suite, keys.ours) != (old.suite, old.ours):
            self._sealing = _session(keys.suite, keys.ours, _NUMBERS["SSRC_ANY_OUTBOUND"])
        if (keys.suite, keys.theirs) != (old.suite, old.theirs):
            self._opened_before = self._opening
            self._opening = _session(keys.suite, keys.theirs, _NUMBERS["SSRC_ANY_INBOUND"])

    def seal(self, packet: bytes) -> bytes:
        """Return the encrypted RTP packet. Raises ``OSError`` when it cannot be (too long, key used up)."""
        try:
            return self._sealing.protect(packet)
        except (Error, ValueError) as error:
            raise OSError(0, f"not encrypted: {error}") from error

    def open(self, packet: bytes) -> bytes | None:
        """Return the RTP packet inside, or ``None``: tampered with, replayed, under another key, or no RTP at all."""
        try:
            opened = self._opening.unprotect(packet)
        except (Error, ValueError):
            return self._open_under_old_key(packet)
        self._opened_before = None
        return opened

    def seal_control(self, packet: bytes) -> bytes:
        """Return the encrypted RTCP packet. Raises ``OSError`` when it cannot be."""
        try:
            return self._sealing.protect_rtcp(packet)
        except (Error, ValueError) as error:
            raise OSError(0, f"not encrypted: {error}") from error

    def open_control(self, packet: bytes) -> bytes | None:
        """Return the RTCP packet inside, or ``None``."""
        try:
            return self._opening.unprotect_rtcp(packet)
        except (Error, ValueError):
            return None

    def _open_under_old_key(self, packet: bytes) -> bytes | None:
        if self._opened_before is None:
            return None
        try:
            return self._opened_before.unprotect(packet)
        except (Error, ValueError):
            return None


def _session(suite: str, key: bytes, ssrc_type: int) -> Session:
    policy = Policy(key=key, ssrc_type=ssrc_type, srtp_profile=_PROFILES[suite])
    policy.window_size = _WINDOW
    return Session(policy)
