from __future__ import annotations

from tests.live.sip.transactions.test_client import made

from dialnexa.live.sip.transactions.server import InviteServerTransaction, NonInviteServerTransaction
from dialnexa.live.sip.transactions.timers import Timers
from dialnexa.live.sip.transactions.transaction import Deliver, Fail, Failure, Send, State, server_key

TIMERS = Timers()


class TestInviteServerTransaction:
    def test_says_100_at_once_and_repeats_the_last_word(self) -> None:
        invite = made()
        machine = InviteServerTransaction(invite, TIMERS)
        assert machine.start(0.0) == [Send(invite.reply(100)), Deliver(invite)]
        assert machine.receive(invite, 0.5) == [Send(invite.reply(100))]
        ringing = invite.reply(180, to_tag="us")
        assert machine.respond(ringing, 0.6) == [Send(ringing)]
        assert machine.receive(invite, 1.5) == [Send(ringing)]

    def test_repeats_a_refusal_until_the_ack(self) -> None:
        invite = made()
        machine = InviteServerTransaction(invite, TIMERS)
        machine.start(0.0)
        busy = invite.reply(486, to_tag="us")
        assert machine.respond(busy, 0.0) == [Send(busy)]
        times: list[float] = []
        while (deadline := machine.next_deadline) is not None and deadline < 12:
            assert machine.timeout(deadline) == [Send(busy)]
            times.append(deadline)
        assert times == [0.5, 1.5, 3.5, 7.5, 11.5]
        assert machine.receive(made("ACK"), 12.0) == []
        assert machine.state is State.CONFIRMED
        assert machine.receive(made("ACK"), 12.1) == []
        assert machine.receive(invite, 12.2) == []
        assert machine.timeout(17.0) == []
        assert machine.state is State.TERMINATED

    def test_a_refusal_nobody_acknowledges_ends(self) -> None:
        machine = InviteServerTransaction(made(), TIMERS)
        machine.start(0.0)
        machine.respond(made().reply(486), 0.0)
        assert machine.timeout(32.0)[-1] == Fail(Failure.TIMEOUT)
        assert machine.state is State.TERMINATED

    def test_after_a_2xx_it_only_absorbs(self) -> None:
        invite = made()
        machine = InviteServerTransaction(invite, TIMERS)
        machine.start(0.0)
        ok = invite.reply(200, to_tag="us")
        assert machine.respond(ok, 0.0) == [Send(ok)]
        assert machine.receive(invite, 0.5) == []
        assert machine.respond(ok, 0.6) == [Send(ok)]
        assert machine.respond(invite.reply(486), 0.7) == []
        assert machine.next_deadline == 32.0
        assert machine.timeout(32.0) == []
        assert machine.state is State.TERMINATED


class TestNonInviteServerTransaction:
    def test_says_nothing_before_its_answer_and_repeats_it_after(self) -> None:
        bye = made("BYE")
        machine = NonInviteServerTransaction(bye, TIMERS)
        assert machine.start(0.0) == [Deliver(bye)]
        assert machine.receive(bye, 0.5) == []
        ok = bye.reply(200)
        assert machine.respond(ok, 1.0) == [Send(ok)]
        assert machine.respond(bye.reply(500), 1.0) == []
        assert machine.receive(bye, 1.5) == [Send(ok)]
        assert machine.next_deadline == 33.0
        machine.timeout(33.0)
        assert machine.state is State.TERMINATED


class TestServerKey:
    def test_an_ack_finds_its_invite_and_a_bye_does_not(self) -> None:
        assert server_key(made("ACK")) == server_key(made("INVITE"))
        assert server_key(made("BYE")) != server_key(made("INVITE"))

    def test_without_the_magic_cookie_the_request_itself_tells(self) -> None:
        def old(branch: str, call_id: str) -> tuple[str, ...]:
            invite = made()
            invite.headers.set("Via", f"SIP/2.0/UDP h{branch}")
            invite.headers.set("Call-ID", call_id)
            for cached in ("via", "call_id"):
                vars(invite).pop(cached, None)
            return server_key(invite)

        for branch in (";branch=z9hG4bK", ";branch=7", ""):
            assert old(branch, "a") == old(branch, "a")
            assert old(branch, "a") != old(branch, "b")
