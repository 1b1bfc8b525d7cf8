"""Whole calls in virtual time: two of our endpoints, or one and a scripted peer, on a network that loses packets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from dialnexa.live.plan import Credentials
from dialnexa.live.sip.endpoint import (
    CallCancelled,
    CallRejected,
    CallTimedOut,
    Dialog,
    EndedBy,
    IncomingCall,
    OutgoingCall,
    Progress,
    SipEndpoint,
)
from dialnexa.live.sip.messages.message import Request, Response
from dialnexa.live.sip.messages.sdp import Direction, NoCommonCodec, SessionDescription, make_answer
from tests.live.sip.wire import OFFER, SDP, Peer, Wire, request


@dataclass
class Two:
    """A caller at 10.0.0.1 and a callee at 10.0.0.2, both ours."""

    wire: Wire
    caller: SipEndpoint = field(init=False)
    callee: SipEndpoint = field(init=False)
    incoming: list[IncomingCall] = field(default_factory=list)
    progress: list[Progress] = field(default_factory=list)
    behave: Callable[[IncomingCall], object] = lambda call: None

    def __post_init__(self) -> None:
        self.caller = self.wire.endpoint("10.0.0.1")
        self.callee = self.wire.endpoint("10.0.0.2", self._on_invite)

    def _on_invite(self, call: IncomingCall) -> None:
        self.incoming.append(call)
        self.behave(call)

    def dial(self, **options: object) -> asyncio.Task[Dialog]:
        call = self.caller.dial("+1", from_user="+2", host="10.0.0.2", port=5060, offer=OFFER, **options)  # type: ignore[arg-type]
        return asyncio.ensure_future(call.answered(self.progress.append))

    def accept(self, call: IncomingCall | None = None) -> asyncio.Task[Dialog]:
        call = call or self.incoming[0]
        assert call.offer
        return asyncio.ensure_future(call.accept(make_answer(call.offer, "10.0.0.2", 5000)))

    async def up(self) -> tuple[Dialog, Dialog]:
        dialling = self.dial()
        await self.wire.settle()
        accepting = self.accept()
        return await self.wire.until(dialling), await self.wire.until(accepting)

    async def is_clean(self) -> None:
        """Nothing is left once the last timers have run."""
        await self.wire.pass_time(100.0)
        for endpoint in (self.caller, self.callee):
            counts = endpoint.counts()
            held = (counts.client_transactions, counts.server_transactions, counts.dialogs, counts.pending_calls)
            assert (*held, counts.deadlines, counts.faults, counts.malformed) == (0, 0, 0, 0, 0, 0, 0)


@pytest.fixture
def two() -> Two:
    return Two(Wire())


class TestCall:
    async def test_rings_is_answered_and_hung_up(self, two: Two) -> None:
        two.behave = lambda call: call.ring()
        near, far = await two.up()
        assert [step.status for step in two.progress] == [180]
        assert near.call_id == far.call_id
        assert (near.remote_sdp.port, far.remote_sdp.port) == (5000, 4000)
        assert near.remote_sdp.audio
        assert near.remote_sdp.audio == far.remote_sdp.audio
        await two.wire.until(near.hang_up())
        await two.wire.until(near.hang_up())
        assert (await near.ended()).by is EndedBy.NEAR
        assert (await two.wire.until(far.ended())).by is EndedBy.FAR
        assert two.wire.log == [
            "INVITE sip:+1@10.0.0.2:5060 SIP/2.0", "SIP/2.0 100 Trying", "SIP/2.0 180 Ringing", "SIP/2.0 200 OK",
            "ACK sip:+1@10.0.0.2:5060 SIP/2.0", "BYE sip:+1@10.0.0.2:5060 SIP/2.0", "SIP/2.0 200 OK",
        ]  # fmt: skip
        await two.is_clean()

    async def test_the_callee_hangs_up_with_a_reason(self, two: Two) -> None:
        near, far = await two.up()
        await two.wire.until(far.hang_up([("Reason", 'SIP;cause=200;text="done"')]))
        assert (await near.ended()).reason == 'SIP;cause=200;text="done"'
        await two.is_clean()

    async def test_both_hang_up_at_once(self, two: Two) -> None:
        near, far = await two.up()
        await two.wire.until(asyncio.gather(near.hang_up(), far.hang_up()))
        await two.is_clean()

    @pytest.mark.parametrize("kind", [b"INVITE", b"SIP/2.0 200", b"ACK", b"BYE", b""])
    async def test_survives_the_loss_of_first_packets(self, two: Two, kind: bytes) -> None:
        lost: dict[bytes, int] = {}

        def lose(data: bytes) -> bool:
            line = data.split(b"\r\n", 1)[0]
            lost[line] = lost.get(line, 0) + 1
            return line.startswith(kind) and lost[line] <= 2

        two.wire.lose = lose
        two.behave = lambda call: two.accept(call)
        near = await two.wire.until(two.dial())
        await two.wire.pass_time(5.0)
        await two.wire.until(near.hang_up(timeout=10))
        assert (await near.ended()).by is EndedBy.NEAR
        await two.is_clean()

    async def test_survives_a_network_that_loses_a_third(self, two: Two) -> None:
        counter = iter(range(10_000))
        two.wire.lose = lambda data: next(counter) % 3 == 1
        two.behave = lambda call: two.accept(call)
        for _ in range(20):
            near = await two.wire.until(two.dial())
            await two.wire.until(near.hang_up(timeout=30))
        await two.is_clean()


class TestRefusal:
    async def test_is_told_with_its_status(self, two: Two) -> None:
        two.behave = lambda call: call.reject(503, "Full", [("Retry-After", "17 (busy)"), ("Reason", "Q.850;cause=42")])
        with pytest.raises(CallRejected) as refused:
            await two.wire.until(two.dial())
        error = refused.value
        assert (error.status, error.reason, error.retry_after, error.detail) == (503, "Full", 17, "Q.850;cause=42")
        await two.is_clean()

    async def test_nobody_there_is_a_timeout_after_32_s(self, two: Two) -> None:
        two.wire.lose = lambda data: True
        with pytest.raises(CallTimedOut, match=r"10\.0\.0\.2:5060 does not answer"):
            await two.wire.until(two.dial())
        assert two.wire.now == 32.0
        assert len(two.wire.log) == 7
        await two.is_clean()

    async def test_a_closing_endpoint_ends_what_is_under_way(self, two: Two) -> None:
        near, far = await two.up()
        dialling = two.dial()
        await two.wire.settle()
        two.caller.close()
        with pytest.raises(CallTimedOut, match="closed"):
            await two.wire.until(dialling)
        assert (await near.ended()).by is EndedBy.LOST
        assert (await two.wire.until(far.ended())).by is EndedBy.FAR


class TestCancel:
    async def test_while_it_rings(self, two: Two) -> None:
        two.behave = lambda call: call.ring()
        dialling = two.dial()
        await two.wire.settle()
        dialling.cancel()
        await two.wire.until(two.incoming[0].cancelled())
        assert dialling.cancelled()
        assert two.wire.log[3:] == [
            "CANCEL sip:+1@10.0.0.2:5060 SIP/2.0", "SIP/2.0 200 OK", "SIP/2.0 487 Request Terminated",
            "ACK sip:+1@10.0.0.2:5060 SIP/2.0",
        ]  # fmt: skip
        with pytest.raises(CallCancelled):
            await two.accept()
        await two.is_clean()

    async def test_waits_for_a_provisional(self, two: Two) -> None:
        two.wire.lose = lambda data: two.wire.now < 1.0
        dialling = two.dial()
        await two.wire.settle()
        dialling.cancel()
        await two.wire.pass_time(0.9)
        assert not any(line.startswith("CANCEL") for line in two.wire.log)
        await two.wire.pass_time(1.0)
        assert any(line.startswith("CANCEL") for line in two.wire.log)
        await two.wire.until(two.incoming[0].cancelled())
        await two.is_clean()

    async def test_that_crosses_the_answer_ends_with_ack_and_bye(self, two: Two) -> None:
        dialling = two.dial()
        await two.wire.settle()
        accepting = two.accept()
        await asyncio.sleep(0)  # the 200 is on its way
        dialling.cancel()
        far = await two.wire.until(accepting)
        assert (await two.wire.until(far.ended())).by is EndedBy.FAR
        assert [line.split(" ")[0] for line in two.wire.log[2:]].count("BYE") == 1
        await two.is_clean()

    async def test_in_the_very_moment_of_the_answer(self, two: Two) -> None:
        dialling = two.dial()
        await two.wire.settle()
        accepting = two.accept()
        call_ended = False
        original = two.caller.receive

        def answer_then_cancel(data: bytes, source: tuple[str, int]) -> None:
            nonlocal call_ended
            original(data, source)
            if data.startswith(b"SIP/2.0 200") and not call_ended:
                call_ended = True
                dialling.cancel()

        two.wire._receivers["10.0.0.1", 5060] = answer_then_cancel
        far = await two.wire.until(accepting)
        await two.wire.until(far.ended())
        assert dialling.cancelled()
        await two.is_clean()

    async def test_a_peer_that_ignores_cancel_is_forgotten(self) -> None:
        wire = Wire()
        endpoint, peer = wire.endpoint("10.0.0.1"), wire.peer("10.0.0.9")
        dialling = asyncio.ensure_future(_dial(endpoint).answered(lambda _: None))
        await wire.settle()
        peer.send(peer.requests("INVITE")[0].reply(180, to_tag="far"))
        await wire.settle()
        dialling.cancel()
        await wire.pass_time(70.0)
        assert peer.requests("CANCEL")
        assert endpoint.counts().client_transactions == 0

    async def test_the_callee_that_stops_accepting_hangs_up_after_the_ack(self, two: Two) -> None:
        dialling = two.dial()
        await two.wire.settle()
        accepting = two.accept()
        await asyncio.sleep(0)
        accepting.cancel()
        near = await two.wire.until(dialling)
        assert (await two.wire.until(near.ended())).by is EndedBy.FAR
        await two.is_clean()


def _dial(endpoint: SipEndpoint, credentials: Credentials | None = None) -> OutgoingCall:
    return endpoint.dial("+1", from_user="+2", host="10.0.0.9", port=5060, offer=OFFER, credentials=credentials)


@dataclass
class Caller:
    """Our endpoint dials a scripted peer."""

    wire: Wire = field(default_factory=Wire)
    endpoint: SipEndpoint = field(init=False)
    peer: Peer = field(init=False)

    def __post_init__(self) -> None:
        self.endpoint = self.wire.endpoint("10.0.0.1")
        self.peer = self.wire.peer("10.0.0.9")

    async def dial(self, credentials: Credentials | None = None) -> asyncio.Task[Dialog]:
        task = asyncio.ensure_future(_dial(self.endpoint, credentials).answered(lambda _: None))
        await self.wire.settle()
        return task

    def invites(self) -> list[Request]:
        return self.peer.requests("INVITE")

    def ok(self, tag: str = "far", body: str = SDP, contact: str = "<sip:far@10.0.0.9:5060>", **more: str) -> Response:
        headers = [("Contact", contact), *more.items()]
        return self.invites()[-1].reply(200, to_tag=tag, headers=headers, body=body.replace("\n", "\r\n").encode())


@pytest.fixture
def caller() -> Caller:
    return Caller()


class TestOutgoingCall:
    async def test_logs_in_once(self, caller: Caller) -> None:
        dialling = await caller.dial(Credentials("alice", "s3cret"))
        challenge = ("Proxy-Authenticate", 'Digest realm="a, b", nonce="n", qop="auth,auth-int"')
        caller.peer.send(caller.invites()[0].reply(407, to_tag="p", headers=[challenge]))
        await caller.wire.settle()
        first, second = caller.invites()
        assert (second.cseq.number, second.call_id) == (2, first.call_id)
        assert second.via.branch != first.via.branch
        assert 'realm="a, b"' in second.headers.first("Proxy-Authorization")
        caller.peer.send(caller.ok())
        dialog = await caller.wire.until(dialling)
        ack = caller.peer.requests("ACK")[-1]
        assert ack.headers.all("Proxy-Authorization") == second.headers.all("Proxy-Authorization")
        dialog.send_bye()
        await caller.wire.settle()
        assert "nc=00000002" in caller.peer.requests("BYE")[0].headers.first("Proxy-Authorization")

    async def test_a_wrong_password_is_refused_once(self, caller: Caller) -> None:
        dialling = await caller.dial(Credentials("alice", "wrong"))
        for nonce in ("n1", "n2"):
            challenge = ("WWW-Authenticate", f'Digest realm="r", nonce="{nonce}"')
            caller.peer.send(caller.invites()[-1].reply(401, to_tag="p", headers=[challenge]))
            await caller.wire.settle()
        with pytest.raises(CallRejected, match="refused our user name or password") as refused:
            await caller.wire.until(dialling)
        assert refused.value.status == 401
        assert len(caller.invites()) == 2

    async def test_a_stale_nonce_is_no_wrong_password(self, caller: Caller) -> None:
        dialling = await caller.dial(Credentials("alice", "s3cret"))
        for more in ('nonce="n1"', 'nonce="n2", stale=true'):
            challenge = ("WWW-Authenticate", f'Digest realm="r", {more}')
            caller.peer.send(caller.invites()[-1].reply(401, to_tag="p", headers=[challenge]))
            await caller.wire.settle()
        caller.peer.send(caller.ok())
        await caller.wire.until(dialling)
        assert len(caller.invites()) == 3

    async def test_a_second_fork_that_answers_is_hung_up(self, caller: Caller) -> None:
        dialling = await caller.dial()
        caller.peer.send(caller.ok("first"))
        await caller.wire.until(dialling)
        caller.peer.send(caller.ok("second"))
        await caller.wire.settle()
        assert [ack.recipient.tag for ack in caller.peer.requests("ACK")] == ["first", "second"]
        assert [bye.recipient.tag for bye in caller.peer.requests("BYE")] == ["second"]

    async def test_a_repeated_200_gets_the_same_ack_again(self, caller: Caller) -> None:
        dialling = await caller.dial()
        caller.peer.send(caller.ok())
        await caller.wire.until(dialling)
        caller.peer.send(caller.ok())
        await caller.wire.settle()
        first, second = caller.peer.requests("ACK")
        assert first.encode() == second.encode()

    @pytest.mark.parametrize("body", ["", "v=0\nbad\n", SDP.replace("0 8 101", "18"), SDP.replace("30000", "0")])
    async def test_an_answer_without_usable_audio_is_hung_up(self, caller: Caller, body: str) -> None:
        dialling = await caller.dial()
        caller.peer.send(caller.ok(body=body))
        with pytest.raises(CallRejected) as refused:
            await caller.wire.until(dialling)
        assert refused.value.status == 488
        assert len(caller.peer.requests("ACK")) == len(caller.peer.requests("BYE")) == 1

    async def test_early_media_counts_when_the_200_repeats_nothing(self, caller: Caller) -> None:
        dialling = await caller.dial()
        body = SDP.replace("\n", "\r\n").encode()
        caller.peer.send(caller.invites()[0].reply(183, to_tag="far", body=body))
        caller.peer.send(caller.ok(body=""))
        dialog = await caller.wire.until(dialling)
        assert dialog.remote_sdp.port == 30000

    async def test_requests_follow_the_route_set(self, caller: Caller) -> None:
        edge = caller.wire.peer("10.0.0.5", 5070)
        dialling = await caller.dial()
        route = {"Record-Route": "<sip:10.0.0.7;lr>, <sip:10.0.0.5:5070;lr>"}
        caller.peer.send(caller.ok(contact="<sip:far@192.168.0.3:5999>", **route))
        await caller.wire.until(dialling)
        ack = edge.requests("ACK")[0]
        assert ack.uri == "sip:far@192.168.0.3:5999"
        assert ack.headers.all("Route") == ["<sip:10.0.0.5:5070;lr>", "<sip:10.0.0.7;lr>"]

    async def test_a_bye_nobody_answers_is_lost_after_its_cap(self, caller: Caller) -> None:
        dialling = await caller.dial()
        caller.peer.send(caller.ok())
        dialog = await caller.wire.until(dialling)
        before = caller.wire.now
        await caller.wire.until(dialog.hang_up(timeout=2.0))
        assert caller.wire.now == before + 2.0
        end = await dialog.ended()
        assert (end.by, end.reason) == (EndedBy.LOST, "the far end did not answer our BYE within 2 s")
        await caller.wire.pass_time(40.0)
        assert len(caller.peer.requests("BYE")) == 11
        assert caller.endpoint.counts().client_transactions == 0


class TestWordsOfAPeer:
    """What a peer says is shown and kept, so bytes that no database takes must not get that far."""

    async def test_in_a_refusal(self, caller: Caller) -> None:
        dialling = await caller.dial()
        refusal = caller.invites()[0].reply(486, "B\udcffsy", to_tag="x", headers=[("Reason", "Q.850;text=\udcfe")])
        caller.peer.send(refusal)
        with pytest.raises(CallRejected) as refused:
            await caller.wire.until(dialling)
        assert (refused.value.reason, refused.value.detail) == ("B\ufffdsy", "Q.850;text=\ufffd")

    async def test_in_a_goodbye(self, two: Two) -> None:
        near, far = await two.up()
        await two.wire.until(far.hang_up([("Reason", "\udcff")]))
        assert (await near.ended()).reason == "\ufffd"


class TestUnacknowledgedAnswer:
    async def test_is_repeated_then_ended_with_bye(self) -> None:
        wire, calls = Wire(), list[IncomingCall]()
        endpoint, peer = wire.endpoint("10.0.0.1", calls.append), wire.peer("10.0.0.9")
        await peer.says(request(body=SDP))
        assert calls[0].offer
        accepting = asyncio.ensure_future(calls[0].accept(make_answer(calls[0].offer, "10.0.0.1", 4000)))
        with pytest.raises(CallTimedOut, match="never acknowledged"):
            await wire.until(accepting)
        assert wire.now == 32.0
        assert peer.statuses().count(200) == 11
        assert len(peer.requests("BYE")) == 1
        await wire.pass_time(70.0)
        counts = endpoint.counts()
        assert (counts.dialogs, counts.server_transactions, counts.client_transactions) == (0, 0, 0)

    async def test_a_bye_before_the_ack_is_a_cancellation(self) -> None:
        wire, calls = Wire(), list[IncomingCall]()
        wire.endpoint("10.0.0.1", calls.append)
        peer = wire.peer("10.0.0.9")
        await peer.says(request(body=SDP))
        assert calls[0].offer
        accepting = asyncio.ensure_future(calls[0].accept(make_answer(calls[0].offer, "10.0.0.1", 4000)))
        await wire.settle()
        await peer.says(request("BYE", to_tag=peer.last.recipient.tag, cseq=2, branch="z9hG4bK-b"))
        with pytest.raises(CallCancelled):
            await wire.until(accepting)


class TestOfferInTheAck:
    @pytest.mark.parametrize("answer", [SDP, "", "nonsense"])
    async def test_a_caller_without_offer_answers_ours(self, answer: str) -> None:
        wire, calls = Wire(), list[IncomingCall]()
        wire.endpoint("10.0.0.1", calls.append)
        peer = wire.peer("10.0.0.9")
        await peer.says(request())
        assert calls[0].offer is None
        accepting = asyncio.ensure_future(calls[0].accept(OFFER))
        await wire.settle()
        tag = peer.last.recipient.tag
        peer.send(request("ACK", to_tag=tag, branch="z9hG4bK-a", body=answer))
        if answer == SDP:
            assert (await wire.until(accepting)).remote_sdp.port == 30000
            return
        with pytest.raises(CallRejected):
            await wire.until(accepting)
        await wire.settle()
        assert len(peer.requests("BYE")) == 1

    @pytest.mark.parametrize("follows", [True, False])
    async def test_the_owner_is_told_what_was_answered_while_the_call_is_up(self, follows: bool) -> None:
        wire, calls = Wire(), list[IncomingCall]()
        wire.endpoint("10.0.0.1", calls.append)
        peer = wire.peer("10.0.0.9")
        await peer.says(request(body=SDP))
        assert calls[0].offer
        accepting = asyncio.ensure_future(calls[0].accept(make_answer(calls[0].offer, "10.0.0.1", 4000)))
        await wire.settle()
        tag = peer.last.recipient.tag
        peer.send(request("ACK", to_tag=tag, branch="z9hG4bK-a"))
        dialog = await wire.until(accepting)
        told: list[int] = []

        def on_answer(ours: SessionDescription, theirs: SessionDescription) -> None:
            told.append(theirs.port)
            if not follows:
                raise NoCommonCodec("no")

        dialog.on_answer = on_answer
        await peer.says(request(to_tag=tag, cseq=2, branch="z9hG4bK-c"))
        await peer.says(request("ACK", to_tag=tag, cseq=2, branch="z9hG4bK-d", body=SDP.replace("30000", "30002")))
        assert told == [30002]
        assert len(peer.requests("BYE")) == (0 if follows else 1)


class TestReinvite:
    async def test_hold_and_resume_both_ways(self, two: Two) -> None:
        near, far = await two.up()
        for asking, asked in ((near, far), (far, near)):
            for direction in (Direction.SENDONLY, Direction.SENDRECV):
                held = asking.local_sdp.revised(direction=direction)
                answer = await two.wire.until(asking.offer(held))
                assert answer.direction is direction.mirrored
                assert asked.remote_sdp.on_hold is (direction is Direction.SENDONLY)
                assert asked.local_sdp.direction is direction.mirrored
        await two.wire.until(near.hang_up())
        await two.is_clean()

    async def test_the_owner_answers_or_refuses(self, two: Two) -> None:
        near, far = await two.up()
        moved = far.local_sdp.revised(port=5998)
        far.on_offer = lambda offer: moved
        assert (await two.wire.until(near.offer(near.local_sdp.revised()))).port == 5998

        def refuse(offer: SessionDescription) -> SessionDescription:
            raise NoCommonCodec("no")

        far.on_offer = refuse
        with pytest.raises(CallRejected) as refused:
            await two.wire.until(near.offer(near.local_sdp.revised()))
        assert refused.value.status == 488
        assert not near.is_over

    async def test_when_both_ask_at_once_both_get_their_turn(self, two: Two) -> None:
        near, far = await two.up()
        offers = [asyncio.ensure_future(side.offer(side.local_sdp.revised())) for side in (near, far)]
        for offer in offers:
            assert (await two.wire.until(offer)).audio
        assert [line for line in two.wire.log if "491" in line] == ["SIP/2.0 491 Request Pending"] * 2
        assert near.local_sdp.version > 2
        await two.wire.until(near.hang_up())
        await two.is_clean()

    async def test_a_peer_that_is_always_asking_is_left_alone_in_the_end(self, caller: Caller) -> None:
        dialling = await caller.dial()
        caller.peer.send(caller.ok())
        dialog = await caller.wire.until(dialling)
        asking = asyncio.ensure_future(dialog.offer(dialog.local_sdp.revised()))
        for number in range(3):
            await caller.wire.pass_time(0.0 if number == 0 else 4.0)
            assert len({invite.cseq.number for invite in caller.invites()}) == 2 + number
            caller.peer.send(caller.invites()[-1].reply(491))
        with pytest.raises(CallRejected, match="491"):
            await caller.wire.until(asking)
        assert caller.wire.now == 8.0
        assert not dialog.is_over

    async def test_a_peer_that_vanished_is_noticed(self, two: Two) -> None:
        near, _ = await two.up()
        two.wire.lose = lambda data: True
        with pytest.raises(CallTimedOut):
            await two.wire.until(near.offer(near.local_sdp.revised()))
        assert (await near.ended()).by is EndedBy.LOST


class TestInfo:
    async def test_reaches_the_owner(self) -> None:
        wire, calls = Wire(), list[IncomingCall]()
        endpoint, peer = wire.endpoint("10.0.0.1", calls.append), wire.peer("10.0.0.9")
        await peer.says(request(body=SDP))
        assert calls[0].offer
        accepting = asyncio.ensure_future(calls[0].accept(make_answer(calls[0].offer, "10.0.0.1", 4000)))
        await wire.settle()
        tag = peer.last.recipient.tag
        peer.send(request("ACK", to_tag=tag, branch="z9hG4bK-a"))
        dialog = await wire.until(accepting)
        heard: list[tuple[str, bytes]] = []
        dialog.on_info = lambda kind, body: heard.append((kind, body))
        kind = "Content-Type: application/dtmf-relay\n"
        answer = await peer.says(request("INFO", to_tag=tag, branch="z9hG4bK-i", cseq=2, extra=kind, body="Signal=5\n"))
        assert isinstance(answer, Response)
        assert answer.status == 200
        assert heard == [("application/dtmf-relay", b"Signal=5\r\n")]
        for method, cseq, status in (("OPTIONS", 3, 200), ("REFER", 4, 603), ("INFO", 2, 500)):
            answer = await peer.says(request(method, to_tag=tag, branch=f"z9hG4bK-{method}", cseq=cseq))
            assert isinstance(answer, Response)
            assert answer.status == status
        assert endpoint.counts().faults == 0
