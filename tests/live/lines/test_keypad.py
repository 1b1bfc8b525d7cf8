"""Keys go out the way the trunk wants them and the far end takes them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from dialnexa.live.lines.keypad import RELAY, Keypad, relay_body
from dialnexa.live.plan import Dtmf
from dialnexa.live.timeline import Happening, Trouble


@dataclass
class Far:
    """The signalling: keeps what was sent until ``answers``."""

    peer_methods: frozenset[str] = frozenset({"INVITE", "INFO"})
    sent: list[bytes] = field(default_factory=list[bytes])
    waiting: list[Callable[[int], None]] = field(default_factory=list[Callable[[int], None]])

    def inform(self, content_type: str, body: bytes, on_final: Callable[[int], None]) -> None:
        assert content_type == RELAY
        self.sent.append(body)
        self.waiting.append(on_final)

    def answers(self, status: int) -> None:
        self.waiting.pop(0)(status)


@dataclass
class Audio:
    takes_events: bool = False
    pressed: str = ""

    def press(self, keys: str) -> None:
        self.pressed += keys


def keypad(wish: Dtmf, far: Far, audio: Audio, told: list[Happening] | None = None) -> Keypad:
    return Keypad(wish, far, audio, (told if told is not None else []).append)


def test_what_an_info_says() -> None:
    assert relay_body("#") == b"Signal=#\r\nDuration=160\r\n"


@pytest.mark.parametrize(
    ("wish", "events", "allows", "by_info"),
    [
        (Dtmf.AUTO, True, True, False),
        (Dtmf.AUTO, False, True, True),
        (Dtmf.AUTO, False, False, False),
        (Dtmf.RFC4733, False, True, False),
        (Dtmf.INFO, True, False, True),
        (Dtmf.INBAND, False, True, False),
    ],
)
def test_which_way_a_key_goes(wish: Dtmf, events: bool, allows: bool, by_info: bool) -> None:
    far, audio = Far(frozenset({"INFO"} if allows else ())), Audio(events)
    keypad(wish, far, audio).press("5")
    assert (far.sent, audio.pressed) == (([relay_body("5")], "") if by_info else ([], "5"))


def test_each_key_waits_for_the_answer_to_the_one_before() -> None:
    far, audio = Far(), Audio()
    keys = keypad(Dtmf.INFO, far, audio)
    keys.press("1d")
    keys.press("#")
    assert far.sent == [relay_body("1")]
    far.answers(200)
    far.answers(200)
    assert far.sent == [relay_body("1"), relay_body("D"), relay_body("#")]
    far.answers(200)
    assert (far.waiting, audio.pressed) == ([], "")


@pytest.mark.parametrize("status", [405, 415, 501])
def test_a_far_end_that_takes_no_info_gets_the_rest_with_the_audio_and_is_told_of_once(status: int) -> None:
    far, audio, told = Far(), Audio(), list[Happening]()
    keys = keypad(Dtmf.AUTO, far, audio, told)
    keys.press("123")
    far.answers(200)
    far.answers(status)
    assert audio.pressed == "23"
    keys.press("4")
    assert (audio.pressed, len(far.sent)) == ("234", 2)
    assert [trouble.part for trouble in told if isinstance(trouble, Trouble)] == ["keypad"]
    assert str(status) in str(told[0])


def test_a_key_nobody_answered_to_may_have_been_heard_and_is_not_pressed_twice() -> None:
    far, audio, told = Far(), Audio(), list[Happening]()
    keypad(Dtmf.INFO, far, audio, told).press("12")
    far.answers(408)
    assert (audio.pressed, len(told)) == ("2", 1)


def test_what_no_keypad_has_is_refused_whole() -> None:
    far, audio = Far(), Audio()
    with pytest.raises(ValueError, match="no such keys: X"):
        keypad(Dtmf.INFO, far, audio).press("1X")
    assert (far.sent, audio.pressed) == ([], "")
