from __future__ import annotations

from tests.live.sip.wire import SDP, request

from dialnexa.live.sip.messages.message import Request, parse
from dialnexa.live.sip.transactions.client import InviteClientTransaction, NonInviteClientTransaction, cancel
from dialnexa.live.sip.transactions.timers import Timers
from dialnexa.live.sip.transactions.transaction import Deliver, Fail, Failure, Send, State

TIMERS = Timers()


def made(method: str = "INVITE", body: str = "", extra: str = "", cseq: int = 1) -> Request:
    message = parse(request(method, body=body, extra=extra, cseq=cseq).replace("\n", "\r\n").encode())
    assert isinstance(message, Request)
    return message


def sent_at(machine: InviteClientTransaction | NonInviteClientTransaction, until: float) -> list[float]:
    """When the machine sends its request again, up to a moment."""
    times: list[float] = []
    while (deadline := machine.next_deadline) is not None and deadline <= until:
        times += [deadline for action in machine.timeout(deadline) if isinstance(action, Send)]
    return times


class TestInviteClientTransaction:
    def test_retransmits_doubling_then_gives_up(self) -> None:
        invite = made()
        machine = InviteClientTransaction(invite, TIMERS)
        assert machine.start(0.0) == [Send(invite)]
        assert sent_at(machine, 31.9) == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
        assert machine.timeout(32.0) == [Fail(Failure.TIMEOUT)]
        assert machine.state is State.TERMINATED
        assert machine.next_deadline is None

    def test_a_provisional_stops_everything(self) -> None:
        invite = made()
        machine = InviteClientTransaction(invite, TIMERS)
        machine.start(0.0)
        ringing = invite.reply(180)
        assert machine.receive(ringing, 0.2) == [Deliver(ringing)]
        assert machine.state is State.PROCEEDING
        assert machine.next_deadline is None

    def test_acknowledges_a_refusal_and_each_repetition_of_it(self) -> None:
        invite = made(body=SDP, extra="Route: <sip:edge;lr>\n")
        machine = InviteClientTransaction(invite, TIMERS)
        machine.start(0.0)
        busy = invite.reply(486, to_tag="far")
        ack, delivered = machine.receive(busy, 1.0)
        assert delivered == Deliver(busy)
        assert isinstance(ack, Send)
        assert ack.message.encode() == (
            b"ACK sip:+14155550100@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bK-1\r\n"
            b"Route: <sip:edge;lr>\r\nFrom: <sip:+16505550199@10.0.0.9>;tag=caller\r\n"
            b"To: <sip:+14155550100@10.0.0.1>;tag=far\r\nCall-ID: call-1@10.0.0.9\r\nCSeq: 1 ACK\r\n"
            b"Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        )
        assert machine.receive(busy, 1.5) == [ack]
        assert machine.next_deadline == 33.0
        assert machine.timeout(33.0) == []
        assert machine.state is State.TERMINATED

    def test_passes_up_every_2xx_for_64_t1(self) -> None:
        invite = made()
        machine = InviteClientTransaction(invite, TIMERS)
        machine.start(0.0)
        ok, fork = invite.reply(200, to_tag="a"), invite.reply(200, to_tag="b")
        assert machine.receive(ok, 1.0) == [Deliver(ok)]
        assert machine.receive(fork, 2.0) == [Deliver(fork)]
        assert machine.receive(invite.reply(486), 2.5) == []
        assert machine.receive(invite.reply(180), 2.5) == []
        assert machine.timeout(33.0) == []
        assert machine.receive(ok, 33.1) == []

    def test_a_cancel_shares_branch_number_and_route(self) -> None:
        assert cancel(made(extra="Route: <sip:edge;lr>\n")).encode().splitlines()[:6] == [
            b"CANCEL sip:+14155550100@10.0.0.1 SIP/2.0",
            b"Via: SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bK-1",
            b"Route: <sip:edge;lr>",
            b"From: <sip:+16505550199@10.0.0.9>;tag=caller",
            b"To: <sip:+14155550100@10.0.0.1>",
            b"Call-ID: call-1@10.0.0.9",
        ]

    def test_no_retransmission_over_a_reliable_transport(self) -> None:
        machine = InviteClientTransaction(made(), TIMERS, reliable=True)
        machine.start(0.0)
        assert machine.next_deadline == 32.0
        machine.receive(made().reply(486), 1.0)
        machine.timeout(1.0)
        assert machine.state is State.TERMINATED

    def test_abort_speaks_once(self) -> None:
        machine = InviteClientTransaction(made(), TIMERS)
        machine.start(0.0)
        assert machine.abort(Failure.TRANSPORT) == [Fail(Failure.TRANSPORT)]
        assert machine.abort(Failure.TRANSPORT) == []


class TestNonInviteClientTransaction:
    def test_retransmits_doubling_up_to_t2_then_gives_up(self) -> None:
        bye = made("BYE")
        machine = NonInviteClientTransaction(bye, TIMERS)
        assert machine.start(0.0) == [Send(bye)]
        assert sent_at(machine, 31.9) == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
        assert machine.timeout(32.0) == [Fail(Failure.TIMEOUT)]

    def test_a_provisional_slows_it_down_to_t2(self) -> None:
        bye = made("BYE")
        machine = NonInviteClientTransaction(bye, TIMERS)
        machine.start(0.0)
        machine.receive(bye.reply(100), 0.1)
        assert sent_at(machine, 9.0) == [0.5, 4.5, 8.5]

    def test_delivers_one_final_and_absorbs_the_rest_for_t4(self) -> None:
        bye = made("BYE")
        machine = NonInviteClientTransaction(bye, TIMERS)
        machine.start(0.0)
        ok = bye.reply(200)
        assert machine.receive(ok, 1.0) == [Deliver(ok)]
        assert machine.receive(ok, 2.0) == []
        assert machine.next_deadline == 6.0
        assert machine.timeout(6.0) == []
        assert machine.state is State.TERMINATED
