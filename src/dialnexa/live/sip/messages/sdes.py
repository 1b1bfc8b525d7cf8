"""Keys for encrypted audio in the session description: the ``a=crypto`` attribute (RFC 4568, RFC 7714 §14).

Pure values and text. Which line is offered or taken is decided by the call (``live/lines/encryption.py``); what is done
with a key, by ``live/rtp/srtp.py``.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

KEY_BYTES = {
    "AES_CM_128_HMAC_SHA1_80": 30,
    "AES_CM_128_HMAC_SHA1_32": 30,
    "AEAD_AES_128_GCM": 28,
    "AEAD_AES_256_GCM": 44,
}
"""The suites we speak, best understood by phones and carriers first, and the length of master key and salt together."""
_MOST_LINES = 16
_MOST_TAG_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Crypto:
    """One ``a=crypto`` line: the key with which the side that says it *sends*."""

    tag: int
    """Names the line: an answer repeats the tag of the line it takes (§5.1.2)."""
    suite: str
    key: bytes = field(repr=False)
    """Master key, then master salt."""

    def encode(self) -> str:
        """Write the attribute, without the ``a=``."""
        return f"crypto:{self.tag} {self.suite} inline:{base64.b64encode(self.key).decode()}"


def fresh(suite: str, tag: int = 1) -> Crypto:
    """Make a line with a new random key. Raises ``KeyError`` for a suite that is none of ours."""
    return Crypto(tag, suite, secrets.token_bytes(KEY_BYTES[suite]))


def parse_cryptos(attributes: Iterable[str]) -> tuple[Crypto, ...]:
    """Return the usable ``crypto`` lines among a stream's attributes, in their order; never raises.

    A line is passed over, as §5.1.2 and §6.3.2 want it, when it names another suite, several keys or a key index
    (MKI), or asks for something that changes how packets look (no encryption, no authentication, FEC, key derivation).
    """
    lines = [attribute[7:] for attribute in attributes if attribute[:7].lower() == "crypto:"]
    return tuple(crypto for line in lines[:_MOST_LINES] if (crypto := _read(line)) is not None)


def _read(line: str) -> Crypto | None:
    parts = line.split()
    if len(parts) < 3:
        return None
    tag, suite, keys, *session = parts
    suite = suite.upper()
    wanted = KEY_BYTES.get(suite)
    if wanted is None or not (tag.isascii() and tag.isdigit() and len(tag) <= _MOST_TAG_DIGITS):
        return None
    # A window size hint asks nothing of us; a leading dash marks what may be ignored (§6.3.7).
    if any(not part.upper().startswith(("WSH=", "-")) for part in session):
        return None
    key = _key(keys)
    return Crypto(int(tag), suite, key) if key is not None and len(key) == wanted else None


def _key(parameters: str) -> bytes | None:
    """Return the one inline key; its lifetime is ignored, because no call sends 2^31 packets."""
    method, _, text = parameters.partition(":")
    if method.lower() != "inline" or ";" in text:
        return None
    text, *more = text.split("|")
    if any(":" in part for part in more):  # an MKI, which would stand in every packet
        return None
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
