"""Unknown sources: treated as the setting says, slowed, and counted in few lines."""

from __future__ import annotations

import pytest

from dialnexa.live.sip.gate.policy import Judgement, Passage, Treatment
from dialnexa.live.sip.messages.message import Request, parse
from dialnexa.worker.strangers import Policy, Strangers
from tests.live.sip.wire import request

STRANGER, FRIEND = "198.51.100.9", "203.0.113.5"


def invite() -> Request:
    message = parse(request().replace("\n", "\r\n").encode())
    assert isinstance(message, Request)
    return message


class Guard:
    def __init__(self, policy: Policy = "challenge") -> None:
        self.now = 0.0
        self.strangers = Strangers(policy, lambda host: host == FRIEND, lambda: self.now)

    def turned_away(self, host: str, times: int = 1, passage: Passage = Passage.CHALLENGED) -> None:
        for _ in range(times):
            self.strangers.note(invite(), host, Judgement(passage))


@pytest.mark.parametrize(
    ("policy", "treatment"),
    [("drop", Treatment.DROP), ("challenge", Treatment.CHALLENGE), ("refuse", Treatment.REFUSE)],
)
def test_the_setting_decides_about_those_nobody_knows(policy: Policy, treatment: Treatment) -> None:
    guard = Guard(policy)
    assert guard.strangers.treat(invite(), STRANGER) is treatment
    assert guard.strangers.treat(invite(), FRIEND) is Treatment.ADMIT


def test_a_scanner_gets_few_answers_and_a_carrier_all_of_them() -> None:
    guard = Guard()
    treated = [guard.strangers.treat(invite(), STRANGER) for _ in range(100)]
    assert treated.count(Treatment.CHALLENGE) == 30
    assert {guard.strangers.treat(invite(), FRIEND) for _ in range(100)} == {Treatment.ADMIT}
    guard.now = 10.0
    assert guard.strangers.treat(invite(), STRANGER) is Treatment.CHALLENGE


def test_thousands_of_requests_are_one_line() -> None:
    guard = Guard()
    guard.turned_away(STRANGER, 5000, Passage.DROPPED)
    assert guard.strangers.take() == [], "not before it is clear that nothing follows"
    guard.now = 5.0
    (line,) = guard.strangers.take()
    assert (line.source, line.attempts, line.sip_status, line.from_number) == (STRANGER, 5000, None, "+16505550199")
    assert "add it to the trunk's sources" in line.reason
    assert guard.strangers.take() == []


def test_a_challenge_that_is_answered_turned_nobody_away() -> None:
    guard = Guard()
    guard.turned_away(STRANGER)
    guard.strangers.note(invite(), STRANGER, Judgement(Passage.OPEN, login="acme"))
    guard.now = 60.0
    assert guard.strangers.take() == []


def test_a_flood_from_everywhere_is_a_few_lines_and_little_memory() -> None:
    guard = Guard("drop")
    for number in range(5000):
        guard.turned_away(f"198.51.{number // 250}.{number % 250}", passage=Passage.DROPPED)
    guard.turned_away("198.51.0.7", 10, Passage.DROPPED)
    guard.now = 5.0
    lines = guard.strangers.take()
    assert len(lines) == 21
    assert (lines[0].source, lines[0].attempts) == ("198.51.0.7", 11)
    assert (lines[-1].source, sum(line.attempts for line in lines)) == ("various", 5010)
