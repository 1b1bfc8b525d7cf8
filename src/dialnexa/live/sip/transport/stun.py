"""STUN (RFC 8489, RFC 5389): asking a server outside which address and port our packets come from. Sans-I/O."""

from __future__ import annotations

import ipaddress
import secrets
import struct

MAGIC = 0x2112A442
_REQUEST, _SUCCESS, _ERROR = 0x0001, 0x0101, 0x0111
_MAPPED, _ERROR_CODE, _XOR_MAPPED = 0x0001, 0x0009, 0x0020
_HEADER = struct.Struct("!HHI12s")


class StunError(ValueError):
    """The answer is none, or says no; the message says what it was."""


def new_transaction() -> bytes:
    """Return the 12 random bytes that an answer repeats."""
    return secrets.token_bytes(12)


def binding_request(transaction: bytes) -> bytes:
    """Return a Binding request without attributes (§5)."""
    return _HEADER.pack(_REQUEST, 0, MAGIC, transaction)


def read_binding(data: bytes, transaction: bytes) -> tuple[str, int]:
    """Return the address and port a Binding answer says we have. Raises ``StunError``; never anything else."""
    if len(data) < _HEADER.size:
        raise StunError("the answer is too short for STUN")
    kind, length, magic, answered = _HEADER.unpack_from(data)
    if magic != MAGIC or answered != transaction or length % 4 or _HEADER.size + length > len(data):
        raise StunError("the answer is not to our question")
    attributes = _attributes(data[_HEADER.size : _HEADER.size + length])
    if kind == _ERROR:
        code = attributes.get(_ERROR_CODE, b"\0\0\0\0")
        raise StunError(f"the server refuses with {(code[2] & 7) * 100 + code[3]}" if len(code) >= 4 else "refused")
    if kind != _SUCCESS:
        raise StunError("the answer is no Binding answer")
    if _XOR_MAPPED in attributes:
        return _address(attributes[_XOR_MAPPED], struct.pack("!I", MAGIC) + transaction)
    if _MAPPED in attributes:  # servers from before RFC 5389
        return _address(attributes[_MAPPED], bytes(16))
    raise StunError("the answer names no address")


def _attributes(body: bytes) -> dict[int, bytes]:
    """Return the first attribute of each kind; values are padded to four bytes (§14)."""
    found: dict[int, bytes] = {}
    at = 0
    while at + 4 <= len(body):
        kind, length = struct.unpack_from("!HH", body, at)
        if at + 4 + length > len(body):
            raise StunError("an attribute is cut off")
        found.setdefault(kind, body[at + 4 : at + 4 + length])
        at += 4 + (length + 3) // 4 * 4
    return found


def _address(value: bytes, mask: bytes) -> tuple[str, int]:
    """Read a (XOR-)MAPPED-ADDRESS (§14.1, §14.2); ``mask`` is what it was XORed with."""
    size = {1: 4, 2: 16}.get(value[1] if len(value) > 1 else 0)
    if size is None or len(value) != 4 + size:
        raise StunError("the address in the answer cannot be read")
    port = int.from_bytes(value[2:4]) ^ int.from_bytes(mask[:2])
    address = bytes(one ^ other for one, other in zip(value[4:], mask, strict=False))
    return str(ipaddress.ip_address(address)), port
