"""Digest authentication (RFC 3261 §22, RFC 2617, RFC 7616, RFC 8760): answering challenges, and making our own."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from dialnexa.live.plan import Credentials
from dialnexa.live.sip.messages.fields import FieldError, quote_string, split_list, unquote_string
from dialnexa.live.sip.messages.message import Request, Response

_Digest = Callable[[bytes], str]


def _hashes() -> dict[str, _Digest]:
    hashes: dict[str, _Digest] = {
        "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
        "MD5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
    }
    if "sha512_256" in hashlib.algorithms_available:  # it comes from OpenSSL, and not every build has it
        hashes = {"SHA-512-256": lambda data: hashlib.new("sha512_256", data).hexdigest(), **hashes}
    return hashes


_HASHES: Mapping[str, _Digest] = _hashes()
"""The algorithms we speak, strongest first. The ``-sess`` variants are not among them: no carrier asks for them."""
_STRENGTH = tuple(_HASHES)

_MAX_REALMS = 8
NONCE_LIFE_S = 300.0
"""How long a nonce of ours is good; older ones are refused as stale, so the client tries again at once."""


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


class DigestError(ValueError):
    """A challenge we cannot, or will not, answer; the message says why."""


def _parse_digest(value: str) -> dict[str, str]:
    """Read ``Digest name=value, …``; commas inside quotes stay. Raises ``FieldError``."""
    scheme, _, rest = value.strip().partition(" ")
    if scheme.lower() != "digest":
        raise FieldError(f"{scheme[:20]!r} is not digest authentication")
    params: dict[str, str] = {}
    for part in split_list(rest):
        name, equals, text = part.partition("=")
        if not equals:
            raise FieldError(f"{part[:20]!r} is not an authentication parameter")
        params.setdefault(name.strip().lower(), unquote_string(text.strip()))
    return params


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a server asks for."""

    realm: str
    nonce: str
    algorithm: str = "MD5"
    qop: tuple[str, ...] = ()
    opaque: str | None = None
    stale: bool = False
    proxy: bool = False
    """Whether it came with 407, so the answer goes into Proxy-Authorization."""

    @classmethod
    def parse(cls, value: str, *, proxy: bool = False) -> Challenge:
        """Read one WWW-Authenticate or Proxy-Authenticate value. Raises ``FieldError``."""
        params = _parse_digest(value)
        if "realm" not in params or "nonce" not in params:
            raise FieldError("a digest challenge needs realm and nonce")
        qop = tuple(word.strip().lower() for word in params.get("qop", "").split(",") if word.strip())
        return cls(
            params["realm"],
            params["nonce"],
            params.get("algorithm", "MD5").upper(),
            qop,
            params.get("opaque"),
            params.get("stale", "").lower() == "true",
            proxy,
        )

    @property
    def header(self) -> str:
        """The name of the header that answers it."""
        return "Proxy-Authorization" if self.proxy else "Authorization"

    def write(self) -> str:
        """Write the challenge as a server sends it."""
        parts = [
            f"realm={quote_string(self.realm)}",
            f"nonce={quote_string(self.nonce)}",
            f"algorithm={self.algorithm}",
        ]
        if self.qop:
            parts.append(f'qop="{",".join(self.qop)}"')
        if self.opaque is not None:
            parts.append(f"opaque={quote_string(self.opaque)}")
        if self.stale:
            parts.append("stale=true")
        return "Digest " + ", ".join(parts)


def challenges_of(response: Response) -> list[Challenge]:
    """Return the challenges of a 401 or 407 that can be read, in the server's order of preference."""
    proxy = response.status == 407
    found: list[Challenge] = []
    for value in response.headers.all("Proxy-Authenticate" if proxy else "WWW-Authenticate"):
        try:
            found.append(Challenge.parse(value, proxy=proxy))
        except FieldError:
            continue  # another scheme, such as Bearer, beside one we speak
    return found


def choose(challenges: Sequence[Challenge]) -> list[Challenge]:
    """Return for each realm the strongest challenge we can answer, else the server's first (RFC 7616 §3.7).

    Several realms come together when a call forked and more than one place wants a login (RFC 3261 §22.3). Raises
    ``DigestError`` with the reasons when there is none at all.
    """
    reasons: list[str] = []
    best: dict[str, Challenge] = {}
    for challenge in challenges:
        if challenge.algorithm not in _HASHES:
            reasons.append(f"algorithm {challenge.algorithm[:20]} is not spoken here")
        elif challenge.qop and "auth" not in challenge.qop:
            reasons.append(f"quality of protection {','.join(challenge.qop)[:30]} is not spoken here, only auth")
        else:
            known = best.setdefault(challenge.realm, challenge)
            if _STRENGTH.index(challenge.algorithm) < _STRENGTH.index(known.algorithm):
                best[challenge.realm] = challenge
    if not best:
        raise DigestError("; ".join(reasons) or "the challenge cannot be read")
    return list(best.values())


def answer(
    challenge: Challenge, credentials: Credentials, method: str, uri: str, *, count: int = 1, cnonce: str = ""
) -> str:
    """Return the header value that answers a challenge for this request. ``count`` numbers the uses of the nonce."""
    cnonce = cnonce or secrets.token_hex(8)
    qop = "auth" if challenge.qop else ""
    user, realm = credentials.username, challenge.realm
    ha1 = _HASHES[challenge.algorithm](_bytes(f"{user}:{realm}:{credentials.password}"))
    response = _response(challenge.algorithm, ha1, challenge.nonce, f"{count:08x}", cnonce, qop, method, uri)
    parts = [f"username={quote_string(user)}", f"realm={quote_string(realm)}", f"nonce={quote_string(challenge.nonce)}"]
    parts += [f"uri={quote_string(uri)}", f'response="{response}"', f"algorithm={challenge.algorithm}"]
    if qop:
        parts += [f'cnonce="{cnonce}"', "qop=auth", f"nc={count:08x}"]
    if challenge.opaque is not None:
        parts.append(f"opaque={quote_string(challenge.opaque)}")
    return "Digest " + ", ".join(parts)


def _response(algorithm: str, ha1: str, nonce: str, count: str, cnonce: str, qop: str, method: str, uri: str) -> str:
    digest = _HASHES[algorithm]
    ha2 = digest(_bytes(f"{method}:{uri}"))
    middle = f"{nonce}:{count}:{cnonce}:{qop}" if qop else nonce
    return digest(_bytes(f"{ha1}:{middle}:{ha2}"))


class Login:
    """Our credentials in one call: answers challenges, remembers the nonce for the requests that follow."""

    def __init__(self, credentials: Credentials | None) -> None:
        self._credentials = credentials
        self._challenges: dict[tuple[bool, str], Challenge] = {}
        self._counts: dict[str, int] = {}

    def learn(self, response: Response, request: Request) -> None:
        """Take a 401 or 407 to ``request`` so that ``sign`` answers it.

        Raises ``DigestError``: no credentials, nothing we speak, or what we sent was refused (and not merely stale).
        """
        if self._credentials is None:
            raise DigestError("the far end wants a login, and this trunk has none")
        for challenge in choose(challenges_of(response)):
            self._take(challenge, request)

    def _take(self, challenge: Challenge, request: Request) -> None:
        key = (challenge.proxy, challenge.realm)
        known = self._challenges.get(key)
        refused = known is not None and challenge.header in request.headers
        # A nonce that served before may have grown old in a long call, whether the server says so or not.
        fresh = known is not None and self._counts.get(known.nonce, 0) <= 1
        if refused and fresh and not challenge.stale:
            raise DigestError("the far end refused our user name or password")
        if refused and known is not None and challenge.nonce == known.nonce:
            raise DigestError("the far end refuses the nonce it has just given")
        if key not in self._challenges and len(self._challenges) >= _MAX_REALMS:
            raise DigestError("the far end wants logins for too many realms")
        self._challenges[key] = challenge

    def sign(self, request: Request) -> None:
        """Add the answers to every challenge learnt so far."""
        if self._credentials is None:
            return
        for challenge in self._challenges.values():
            count = self._counts.get(challenge.nonce, 0) + 1
            self._counts[challenge.nonce] = count
            value = answer(challenge, self._credentials, request.method, request.uri, count=count)
            request.headers.add(challenge.header, value)


# --- the server's side -----------------------------------------------------------------------------------------------


class Verdict(Enum):
    """What a server makes of an Authorization header."""

    GOOD = "good"
    STALE = "stale"
    """Right password, old nonce: challenge again with ``stale``."""
    WRONG = "wrong"


def make_nonce(secret: bytes, now: float) -> str:
    """Return a nonce that carries its own age, so the server keeps no list. ``now``: seconds of any steady clock."""
    stamp = f"{int(now):x}"
    salt = secrets.token_hex(8)
    return f"{stamp}-{salt}-{_seal(secret, stamp, salt)}"


def _seal(secret: bytes, stamp: str, salt: str) -> str:
    return hmac.new(secret, _bytes(f"{stamp}-{salt}"), hashlib.sha256).hexdigest()[:32]


def _nonce_age(secret: bytes, nonce: str, now: float) -> float | None:
    stamp, _, rest = nonce.partition("-")
    salt, _, seal = rest.partition("-")
    if not hmac.compare_digest(_bytes(seal), _bytes(_seal(secret, stamp, salt))):
        return None
    return now - int(stamp, 16)


def username_of(value: str) -> str:
    """Return the user an Authorization value speaks for, empty when it cannot be read."""
    try:
        return _parse_digest(value).get("username", "")
    except FieldError:
        return ""


def verify(value: str, method: str, credentials: Credentials, realm: str, secret: bytes, now: float) -> Verdict:
    """Judge an Authorization value for a request with that method against the one who it says it is."""
    try:
        params = _parse_digest(value)
    except FieldError:
        return Verdict.WRONG
    algorithm = params.get("algorithm", "MD5").upper()
    nonce, uri, qop = params.get("nonce", ""), params.get("uri", ""), params.get("qop", "")
    if algorithm not in _HASHES or params.get("realm") != realm or qop not in ("", "auth"):
        return Verdict.WRONG
    ha1 = _HASHES[algorithm](_bytes(f"{credentials.username}:{realm}:{credentials.password}"))
    count, cnonce = params.get("nc", ""), params.get("cnonce", "")
    expected = _response(algorithm, ha1, nonce, count, cnonce, qop, method, uri)
    right = hmac.compare_digest(_bytes(expected), _bytes(params.get("response", "").lower()))
    age = _nonce_age(secret, nonce, now)
    if not right or params.get("username") != credentials.username or age is None:
        return Verdict.WRONG
    return Verdict.GOOD if 0 <= age <= NONCE_LIFE_S else Verdict.STALE
