"""Floods, scanners and strangers."""

from __future__ import annotations

import pytest
from tests.live.sip.wire import SDP, Peer, Wire, request

from dialnexa.live.plan import Credentials
from dialnexa.live.sip.endpoint import Gate, IncomingCall, SipEndpoint
from dialnexa.live.sip.gate.defence import SOURCES_KEPT, RequestBudget, SourceLimiter
from dialnexa.live.sip.gate.policy import Treatment
from dialnexa.live.sip.messages.digest import answer, challenges_of
from dialnexa.live.sip.messages.message import Response

ALICE = Credentials("alice", "s3cret")


class TestSourceLimiter:
    def test_a_burst_then_the_rate(self) -> None:
        limiter = SourceLimiter(RequestBudget(per_second=2, burst=3))
        assert [limiter.admits("a", 0.0) for _ in range(4)] == [True, True, True, False]
        assert [limiter.admits("a", 1.0) for _ in range(3)] == [True, True, False]
        assert limiter.admits("b", 1.0)
        assert [(host, record.dropped, record.requests) for host, record in limiter.suspects()] == [("a", 2, 7)]

    def test_memory_is_flat_under_a_flood_of_sources(self) -> None:
        limiter = SourceLimiter(RequestBudget())
        for number in range(3 * SOURCES_KEPT):
            limiter.admits(str(number), 0.0)
        assert len(limiter) == SOURCES_KEPT


def strict(calls: list[IncomingCall], gate: Gate | None = None) -> tuple[Wire, SipEndpoint, Peer]:
    wire = Wire()
    endpoint = wire.endpoint("10.0.0.1", calls.append, budget=RequestBudget(per_second=1, burst=2), gate=gate)
    return wire, endpoint, wire.peer("10.0.0.9")


class TestBudget:
    async def test_a_scanner_falls_silent_and_is_seen(self) -> None:
        wire, endpoint, peer = strict([])
        for number in range(5):
            peer.send(request("OPTIONS", branch=f"z9hG4bK-{number}", call_id=str(number)))
        await wire.settle()
        assert peer.statuses() == [200, 200]
        assert endpoint.suspects()["10.0.0.9"].dropped == endpoint.counts().dropped == 3
        await wire.pass_time(1.0)
        peer.send(request("OPTIONS", branch="z9hG4bK-later", call_id="later"))
        await wire.settle()
        assert peer.statuses() == [200, 200, 200]

    async def test_repetitions_and_requests_inside_calls_are_free(self) -> None:
        calls: list[IncomingCall] = []
        wire, endpoint, peer = strict(calls)
        for _ in range(5):
            peer.send(request(body=SDP))
        peer.send(request("BYE", to_tag="x", branch="z9hG4bK-bye"))
        await wire.settle()
        assert peer.statuses() == [100, 100, 100, 100, 100, 481]
        assert (len(calls), endpoint.counts().dropped) == (1, 0)


class TestGate:
    async def test_a_challenge_names_no_algorithm_that_old_phones_stumble_over(self) -> None:
        _, _, peer = strict([], Gate(lambda request, host: Treatment.CHALLENGE))
        refusal = await peer.says(request(body=SDP))
        assert isinstance(refusal, Response)
        assert [challenge.algorithm for challenge in challenges_of(refusal)] == ["MD5"]

    @pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
    async def test_a_stranger_must_log_in(self, algorithm: str) -> None:
        calls: list[IncomingCall] = []
        gate = Gate(lambda request, host: Treatment.CHALLENGE, {"alice": ALICE}.get, algorithms=(algorithm,))
        wire, endpoint, peer = strict(calls, gate)
        refusal = await peer.says(request(body=SDP))
        assert isinstance(refusal, Response) and refusal.status == 401
        assert endpoint.counts().server_transactions == 0
        [challenge] = challenges_of(refusal)
        assert challenge.algorithm == algorithm
        login = answer(challenge, ALICE, "INVITE", "sip:+14155550100@10.0.0.1")
        peer.send(request("ACK", to_tag=refusal.recipient.tag))
        await peer.says(request(body=SDP, cseq=2, branch="z9hG4bK-2", extra=f"Authorization: {login}\n"))
        assert (len(calls), peer.statuses()) == (1, [401, 100])
        assert endpoint.suspects()["10.0.0.9"].refused == 1
        await wire.settle()

    async def test_a_wrong_password_does_not_pass(self) -> None:
        calls: list[IncomingCall] = []
        gate = Gate(lambda request, host: Treatment.CHALLENGE, {"alice": ALICE}.get)
        _, _, peer = strict(calls, gate)
        refusal = await peer.says(request(body=SDP))
        assert isinstance(refusal, Response)
        wrong = Credentials("alice", "guess")
        login = answer(challenges_of(refusal)[0], wrong, "INVITE", "sip:+14155550100@10.0.0.1")
        again = await peer.says(request(body=SDP, cseq=2, branch="z9hG4bK-2", extra=f"Authorization: {login}\n"))
        assert isinstance(again, Response) and again.status == 401
        assert calls == []

    async def test_who_is_not_wanted_hears_nothing(self) -> None:
        gate = Gate(lambda request, host: Treatment.DROP)
        wire, endpoint, peer = strict([], gate)
        peer.send(request(body=SDP))
        await wire.settle()
        assert peer.received == []
        assert endpoint.suspects()["10.0.0.9"].refused == 1


class TestStrangers:
    """What those get whom the gate does not let in, and what it costs to send to somebody who did not ask."""

    async def test_refused_is_a_403_of_which_nothing_is_kept(self) -> None:
        _, endpoint, peer = strict([], Gate(lambda request, host: Treatment.REFUSE))
        answered = await peer.says(request(body=SDP))
        assert isinstance(answered, Response) and answered.status == 403
        assert (endpoint.counts().server_transactions, endpoint.counts().refused) == (0, 1)

    @pytest.mark.parametrize("method", ["INVITE", "OPTIONS", "REGISTER", "BYE", "CANCEL", "MESSAGE", "FOO"])
    @pytest.mark.parametrize("to_tag", ["", "guessed"])
    async def test_to_whom_silence_is_kept_it_is_kept_whatever_they_send(self, method: str, to_tag: str) -> None:
        wire, _, peer = strict([], Gate(lambda request, host: Treatment.DROP))
        peer.send(request(method, to_tag=to_tag))
        peer.send(request(method, to_tag=to_tag).replace("Max-Forwards: 70", "Max-Forwards: many"))
        await wire.settle()
        assert peer.received == []

    async def test_silence_does_not_reach_into_calls(self) -> None:
        calls: list[IncomingCall] = []
        treatment = Treatment.ADMIT
        wire, _, peer = strict(calls, Gate(lambda request, host: treatment))
        peer.send(request(body=SDP))
        await wire.settle()
        treatment = Treatment.DROP  # the trunk was taken away in mid-call
        peer.send(request("CANCEL"))
        await wire.settle()
        assert peer.statuses()[-2:] in ([200, 487], [487, 200])

    @pytest.mark.parametrize("method", ["INVITE", "OPTIONS", "REGISTER"])
    @pytest.mark.parametrize("treatment", [Treatment.CHALLENGE, Treatment.REFUSE])
    async def test_no_answer_is_much_longer_than_the_question(self, method: str, treatment: Treatment) -> None:
        """A forged source must gain nothing."""
        wire, _, peer = strict([], Gate(lambda request, host: treatment))
        answers: list[int] = []
        plug = wire.send

        def weigh(data: bytes, source: tuple[str, int], to: tuple[str, int]) -> None:
            if data.startswith(b"SIP/2.0"):
                answers.append(len(data))
            plug(data, source, to)

        wire.send = weigh
        smallest = (
            f"{method} sip:a SIP/2.0\nv:SIP/2.0/UDP 10.0.0.9;branch=z9hG4bK1\nf:<sip:a@b>;tag=1\nt:<sip:a@b>\n"
            f"i:1\nCSeq:1 {method}\n\n"
        )
        asked = [request(method, body=SDP), smallest]
        for question in asked:
            before = len(answers)
            peer.send(question)
            await wire.settle()
            assert sum(answers[before:]) <= 3 * len(question.replace("\n", "\r\n"))
        assert answers, "a phone's request is long enough for an answer"
