"""Secrets taken out of SIP messages before anybody keeps or reads them, and callers who are not to be known.

Lengths stay, so that Content-Length holds.
"""

from __future__ import annotations

import re
from collections.abc import Collection

_LOGIN = re.compile(rb"^(?:Proxy-)?Authorization[ \t]*:[^\r\n]*(?:\r?\n[ \t][^\r\n]*)*", re.IGNORECASE | re.MULTILINE)
_PROOF = re.compile(rb"(\b(?:response|opaque|cnonce)\s*=\s*)(\"(?:[^\"\\]|\\.)*\"|[^\s,]+)", re.IGNORECASE)
_OTHER_SCHEME = re.compile(rb"([^:]*:\s*(?!Digest\b)(?:\S+[ \t]+)?)(\S.*)", re.IGNORECASE | re.DOTALL)
"""Basic, Bearer and the like: all that follows the scheme is the secret."""
_TELLING = (b"secret", b"token", b"passw", b"api-key", b"apikey", b"auth", b"credential", b"signature")
_SECRET_HEADER = re.compile(
    rb"^(?!(?:Proxy-)?Authorization[ \t]*:|WWW-Authenticate[ \t]*:|Proxy-Authenticate[ \t]*:)"
    rb"([\w.\-]*(?:" + b"|".join(_TELLING) + rb")[\w.\-]*[ \t]*:[ \t]*)"
    rb"([^\r\n]*(?:\r?\n[ \t][^\r\n]*)*)",
    re.IGNORECASE | re.MULTILINE,
)
_MEDIA_KEY = re.compile(
    rb"^(a=crypto:[^\r\n]*?inline:|a=key-mgmt:[^\r\n ]*[ ]|k=[a-z]+:)([^\r\n]+)", re.IGNORECASE | re.MULTILINE
)
_SHORTEST_NAME = 5
_URI_PASSWORD = re.compile(rb"(\bsips?:[^\s:@<>\";]+:)([^\s@<>\"]+)(?=@)", re.IGNORECASE)


def redacted(message: bytes) -> bytes:
    """Return a message without what must not be known to its readers.

    Masked with ``*``, byte for byte: the proofs of digest logins (user, realm and nonce stay), all other credentials,
    keys of encrypted audio (RFC 4568), passwords in URIs, and the values of headers whose names speak of secrets.
    """
    head, gap, body = message.partition(b"\r\n\r\n")
    if not gap:
        head, gap, body = message.partition(b"\n\n")
    lower = head.lower()
    if any(word in lower for word in _TELLING):
        head = _LOGIN.sub(_without_proof, head)
        head = _SECRET_HEADER.sub(_masked, head)
    head = _URI_PASSWORD.sub(_masked, head)
    if b"a=crypto" in body or b"k=" in body or b"a=key-mgmt" in body:
        body = _MEDIA_KEY.sub(_masked, body)
    return head + gap + body


def without_names(message: bytes, names: Collection[str]) -> bytes:
    """Return a message with these numbers and names masked in its head, a number with or without its ``+``.

    Short ones stay: an extension says nothing outside its house, and would be found where it means something else.
    """
    head, gap, body = message.partition(b"\r\n\r\n")
    for name in sorted({name.lstrip("+") for name in names}, key=len, reverse=True):
        if len(name) >= _SHORTEST_NAME:
            word = name.encode("utf-8", "surrogateescape")
            head = head.replace(word, b"*" * len(word))
    return head + gap + body


def _without_proof(login: re.Match[bytes]) -> bytes:
    other = _OTHER_SCHEME.fullmatch(login[0])
    return _masked(other) if other else _PROOF.sub(_masked, login[0])


def _masked(found: re.Match[bytes]) -> bytes:
    kept, secret = found[1], found[2]
    if secret[:1] == b'"' and secret[-1:] == b'"' and len(secret) > 1:
        return kept + b'"' + b"*" * (len(secret) - 2) + b'"'
    return kept + re.sub(rb"[^\r\n\t ]", b"*", secret)
