"""What happens to requests from sources nobody knows: let through, challenged for a login, refused, or dropped."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from dialnexa.live.plan import Credentials
from dialnexa.live.sip.gate.defence import WrongLogins
from dialnexa.live.sip.messages.digest import Challenge, Verdict, make_nonce, username_of, verify
from dialnexa.live.sip.messages.message import Request


class Treatment(Enum):
    """What an owner makes of a source."""

    ADMIT = "admit"
    CHALLENGE = "challenge"
    """A login is wanted; see ``Gate.find_credentials``."""
    REFUSE = "refuse"
    """403, whoever it is."""
    DROP = "drop"
    """Silence: a scanner must not even learn that somebody lives here."""


class Passage(Enum):
    """What the gate says to one request."""

    OPEN = "open"
    CHALLENGED = "challenged"
    REFUSED = "refused"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Judgement:
    """The gate's word on one request."""

    passage: Passage
    headers: Sequence[tuple[str, str]] = ()
    """Of the 401, when a login is wanted."""
    login: str = ""
    """The user name whose password the request proves to know; empty: it proves nothing."""


_NOBODY = Credentials("", secrets.token_hex(16))


def _treat_all_alike(request: Request, host: str) -> Treatment:
    return Treatment.ADMIT


def _note_nothing(request: Request, host: str, judgement: Judgement) -> None:
    pass


def _know_nobody(user: str) -> Credentials | None:
    return None


@dataclass
class Gate:
    """The policy for requests from outside that belong to no call; pure but for the random key of its nonces."""

    treat: Callable[[Request, str], Treatment] = _treat_all_alike
    """Judges a request by its source's IP address; must return at once."""
    find_credentials: Callable[[str], Credentials | None] = _know_nobody
    """Returns the login of a user name, for challenges."""
    on_judged: Callable[[Request, str, Judgement], None] = _note_nothing
    """Hears every word of the gate; must return at once."""
    realm: str = "dialnexa"
    algorithms: Sequence[str] = ("MD5",)
    """What is offered in a challenge. MD5 alone, for phones built on older libraries (libre before 2.0, so baresip 1.0)
    give up for good on a challenge that names any other algorithm, even beside one they know."""
    wrong: WrongLogins = field(default_factory=WrongLogins)
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def judge(self, request: Request, host: str, now: float) -> Judgement:
        """Say whether a request may pass, and whom its login proves it to be from (RFC 3261 §22.2)."""
        judgement = self._judge(request, host, now)
        self.on_judged(request, host, judgement)
        return judgement

    def ask_login(self, request: Request, host: str, now: float) -> Judgement:
        """Let nobody pass without a login, wherever it comes from: for those who register."""
        verdict, username = self._verdict(request, host, now)
        good = verdict is Verdict.GOOD
        judgement = Judgement(Passage.OPEN, login=username) if good else self._challenge(verdict, now)
        self.on_judged(request, host, judgement)
        return judgement

    def _judge(self, request: Request, host: str, now: float) -> Judgement:
        treatment = self.treat(request, host)
        if treatment is Treatment.DROP:
            return Judgement(Passage.DROPPED)
        verdict, username = self._verdict(request, host, now)
        if verdict is Verdict.GOOD or treatment is Treatment.ADMIT:
            return Judgement(Passage.OPEN, login=username)
        return Judgement(Passage.REFUSED) if treatment is Treatment.REFUSE else self._challenge(verdict, now)

    def _challenge(self, verdict: Verdict | None, now: float) -> Judgement:
        """Ask for a login; whoever tried too many wrong ones hears nothing for a while."""
        if verdict is None:
            return Judgement(Passage.DROPPED)
        challenges = [
            Challenge(self.realm, make_nonce(self._key, now), algorithm, ("auth",), stale=verdict is Verdict.STALE)
            for algorithm in self.algorithms
        ]
        return Judgement(Passage.CHALLENGED, [("WWW-Authenticate", challenge.write()) for challenge in challenges])

    def _verdict(self, request: Request, host: str, now: float) -> tuple[Verdict | None, str]:
        """Judge the login of a request; ``None``: not even looked at, for too many before it were wrong."""
        for value in request.headers.all("Authorization"):
            username = username_of(value)
            if not self.wrong.may_try(host, username, now):
                return None, ""
            # Whoever does not exist is checked as well, so that time tells nothing about who does.
            credentials = self.find_credentials(username) or _NOBODY
            verdict = verify(value, request.method, credentials, self.realm, self._key, now)
            if verdict is Verdict.GOOD:
                return verdict, username
            if verdict is Verdict.STALE:
                return verdict, ""
            self.wrong.note(host, username, now)
        return Verdict.WRONG, ""
