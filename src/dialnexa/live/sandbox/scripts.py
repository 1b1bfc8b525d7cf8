"""What the people of the sandbox do, as data: small steps, performed in order. A script that ends hangs up.

Phrases are named as in ``phrases.py``; times are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Say:
    """Say a phrase to its end; what the other side says after it is a new turn."""

    phrase: str


@dataclass(frozen=True, slots=True)
class PickUp:
    """Say a phrase as one does when the phone is at the ear, unless the other side speaks already."""

    phrase: str = "hello"
    after_s: float = 0.4


@dataclass(frozen=True, slots=True)
class Murmur:
    """Say a phrase that claims no turn: the other side is expected to talk on."""

    phrase: str


@dataclass(frozen=True, slots=True)
class BreakOff:
    """Say only the first seconds of a phrase."""

    phrase: str
    after_s: float


@dataclass(frozen=True, slots=True)
class AwaitTurn:
    """Wait until the other side has spoken and is done.

    When it says nothing for ``patience_s`` the nudge is said, ``nudges`` times, ``again_s`` apart; after that the
    person gives up and hangs up. Without a nudge the script simply goes on.
    """

    patience_s: float = 7.0
    again_s: float = 7.0
    nudge: str = "hello"
    nudges: int = 3
    spoken_s: float | None = None
    """Do not wait for the end of the turn: it is enough that the other side has been speaking this long."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Do nothing for a while, whatever the other side does."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Beep:
    """The tone of an answering machine."""


@dataclass(frozen=True, slots=True)
class TakeMessage:
    """Listen silently until the message is over, none comes, or the tape is full."""

    longest_s: float = 20.0
    silence_s: float = 3.0
    """Silence that ends a message."""
    none_s: float = 8.0
    """Silence after which no message is expected any more."""


@dataclass(frozen=True, slots=True)
class Menu:
    """Read the options until a key is pressed; a known key gets its reply, and the menu is over."""

    prompt: str
    replies: Mapping[str, str]
    wrong: str
    goodbye: str
    readings: int = 2
    wait_s: float = 5.0
    """Time for a key after the prompt was read."""


@dataclass(frozen=True, slots=True)
class AwaitHangUp:
    """Leave the hanging up to the other side, unless nobody speaks for this long."""

    silence_s: float = 8.0


@dataclass(frozen=True, slots=True)
class Stay:
    """Hold the line, silently, until the other side hangs up."""


Step = PickUp | Say | Murmur | BreakOff | AwaitTurn | Pause | Beep | TakeMessage | Menu | AwaitHangUp | Stay
Script = tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """The call is answered with this SIP status and never connects (RFC 3261 section 21)."""

    status: int
    reason: str


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The phone rings until the caller gives up."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The phone rings, then somebody plays a script."""

    script: Script
    rings_s: float = 0.6


@dataclass(frozen=True, slots=True)
class Person:
    """Who lives behind a test number."""

    description: str
    manner: Answer | Refusal | NoAnswer


_TALK: Script = (
    AwaitTurn(patience_s=5.0, again_s=5.0),
    Say("time_works"),
    AwaitTurn(),
    Say("by_text"),
    AwaitTurn(),
    Say("all_right"),
    AwaitTurn(),
    Say("thanks_goodbye"),
    AwaitHangUp(),
)
"""The customer's half of the demo conversation; every answer waits for its turn, so any agent can talk to them."""

_VOICEMAIL: Script = (Pause(0.5), Say("voicemail_greeting"), Pause(0.3), Beep(), TakeMessage())

_MENU: Script = (
    Pause(0.3),
    Menu(
        prompt="menu",
        replies=MappingProxyType({"1": "menu_opening_hours", "2": "menu_reception"}),
        wrong="menu_wrong_key",
        goodbye="menu_goodbye",
    ),
)

_CUSTOMER: Script = (PickUp(), *_TALK)

_SCREENING: Script = (
    Pause(0.3),
    Say("screening_question"),
    AwaitTurn(patience_s=6.0, again_s=6.0, nudge="screening_again", nudges=2),
    Say("screening_thanks"),
    Pause(1.5),
    Say("hello"),
    *_TALK,
)

_BREAKS_OFF: Script = (AwaitTurn(patience_s=3.0, nudge=""), BreakOff("cut_off", after_s=1.6))

_INTERRUPTS: Script = (
    PickUp(),
    AwaitTurn(patience_s=5.0, again_s=5.0, spoken_s=1.2),
    Murmur("mhm"),
    AwaitTurn(),
    Say("time_works"),
    AwaitTurn(spoken_s=1.2),
    Say("repeat"),
    AwaitTurn(),
    *_TALK[3:],
)

PEOPLE: Mapping[str, Person] = MappingProxyType(
    {
        "+16505550199": Person("a friendly customer who holds the conversation", Answer(_CUSTOMER)),
        "+16505550110": Person("busy", Refusal(486, "Busy Here")),
        "+16505550120": Person("never answers", NoAnswer()),
        "+16505550130": Person("a voicemail greeting and a beep", Answer(_VOICEMAIL)),
        "+16505550140": Person("declines the call", Refusal(603, "Decline")),
        "+16505550150": Person("an IVR menu that wants keys 1 or 2", Answer(_MENU)),
        "+16505550160": Person("a call-screening assistant, then a person", Answer(_SCREENING)),
        "+16505550170": Person("hangs up in the middle of a sentence", Answer(_BREAKS_OFF)),
        "+16505550180": Person("answers and stays silent", Answer((Stay(),))),
        "+16505550190": Person('says "mhm" while you speak, and interrupts', Answer(_INTERRUPTS)),
    }
)

TEST_NUMBERS: Mapping[str, str] = MappingProxyType({number: person.description for number, person in PEOPLE.items()})
"""Each test number and who answers it."""
