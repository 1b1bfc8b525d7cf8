"""What happens to requests from sources that nobody knows: let through, challenged for a login, or dropped."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from dialnexa.live.plan import Credentials
from dialnexa.live.sip.digest import Challenge, Verdict, make_nonce, username_of, verify
from dialnexa.live.sip.message import Request


class Treatment(Enum):
    """What an owner makes of a source."""

    ADMIT = "admit"
    CHALLENGE = "challenge"
    """A login is wanted; see ``Gate.find_credentials``."""
    DROP = "drop"
    """Silence: a scanner must not even learn that somebody lives here."""


class Passage(Enum):
    """What the gate says to one request."""

    OPEN = "open"
    CHALLENGED = "challenged"
    DROPPED = "dropped"


def _treat_all_alike(request: Request, host: str) -> Treatment:
    return Treatment.ADMIT


def _know_nobody(user: str) -> Credentials | None:
    return None


@dataclass
class Gate:
    """The policy for INVITEs from outside; pure but for the random key of its nonces."""

    treat: Callable[[Request, str], Treatment] = _treat_all_alike
    """Judges a request by its source's IP address; must return at once."""
    find_credentials: Callable[[str], Credentials | None] = _know_nobody
    """Returns the login of a user name, for challenges."""
    realm: str = "dialnexa"
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def judge(self, request: Request, host: str, now: float) -> tuple[Passage, list[tuple[str, str]]]:
        """Return whether a request may pass; if it is challenged, the headers of the 401 (RFC 3261 §22.2)."""
        treatment = self.treat(request, host)
        if treatment is Treatment.ADMIT:
            return Passage.OPEN, []
        if treatment is Treatment.DROP:
            return Passage.DROPPED, []
        verdict = self._verdict(request, now)
        if verdict is Verdict.GOOD:
            return Passage.OPEN, []
        nonce = make_nonce(self._key, now)
        challenges = [
            Challenge(self.realm, nonce, algorithm, ("auth",), stale=verdict is Verdict.STALE)
            for algorithm in ("SHA-256", "MD5")
        ]
        return Passage.CHALLENGED, [("WWW-Authenticate", challenge.write()) for challenge in challenges]

    def _verdict(self, request: Request, now: float) -> Verdict:
        for value in request.headers.all("Authorization"):
            credentials = self.find_credentials(username_of(value))
            if credentials is not None:
                return verify(value, request.method, credentials, self.realm, self._key, now)
        return Verdict.WRONG
