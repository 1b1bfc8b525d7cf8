"""A trunk that sends us elsewhere (3xx)."""

from __future__ import annotations

import pytest
from tests.live.sip.test_calls import Caller
from tests.live.sip.wire import SDP

from dialnexa.live.plan import Credentials
from dialnexa.live.sip.calls.outgoing import MAX_REDIRECTS
from dialnexa.live.sip.endpoint import CallRejected


@pytest.fixture
def caller() -> Caller:
    return Caller()


class TestRedirection:
    async def test_is_followed_to_the_first_target_that_can_be_called(self, caller: Caller) -> None:
        other = caller.wire.peer("10.0.0.7", 5070)
        dialling = await caller.dial(Credentials("alice", "s3cret"))
        contacts = ("Contact", "<mailto:x@y>, <sips:x@10.0.0.8>, <sip:+3@10.0.0.7:5070?Subject=x>;q=0.5")
        caller.peer.send(caller.invites()[0].reply(302, to_tag="t", headers=[contacts]))
        await caller.wire.settle()
        first, second = caller.invites()[0], other.requests("INVITE")[0]
        assert (second.uri, second.call_id, second.cseq.number) == ("sip:+3@10.0.0.7:5070", first.call_id, 2)
        assert second.headers.first("To") == first.headers.first("To")
        other.send(second.reply(401, to_tag="t", headers=[("WWW-Authenticate", 'Digest realm="r", nonce="n"')]))
        with pytest.raises(CallRejected, match="this trunk has none"):
            await caller.wire.until(dialling)

    async def test_may_be_answered(self, caller: Caller) -> None:
        dialling = await caller.dial()
        caller.peer.send(caller.invites()[0].reply(301, to_tag="t", headers=[("Contact", "<sip:+3@10.0.0.9>")]))
        await caller.wire.settle()
        assert caller.invites()[1].uri == "sip:+3@10.0.0.9"
        caller.peer.send(caller.ok(body=SDP))
        assert not (await caller.wire.until(dialling)).is_over

    async def test_the_preferred_contact_comes_first_and_the_others_when_it_refuses(self, caller: Caller) -> None:
        dialling = await caller.dial()
        contacts = ("Contact", "<sip:a@10.0.0.9>;q=0.2, <sip:b@10.0.0.9>;q=0.9, <sip:c@10.0.0.9>;q=0.5")
        caller.peer.send(caller.invites()[0].reply(300, to_tag="t", headers=[contacts]))
        await caller.wire.settle()
        for user, status in (("b", 486), ("c", 404)):
            assert caller.invites()[-1].uri == f"sip:{user}@10.0.0.9"
            caller.peer.send(caller.invites()[-1].reply(status, to_tag="t"))
            await caller.wire.settle()
        caller.peer.send(caller.ok(body=SDP))
        await caller.wire.until(dialling)
        assert caller.invites()[-1].uri == "sip:a@10.0.0.9"

    async def test_who_declines_everywhere_is_not_looked_for_elsewhere(self, caller: Caller) -> None:
        dialling = await caller.dial()
        contacts = ("Contact", "<sip:a@10.0.0.9>, <sip:b@10.0.0.9>")
        caller.peer.send(caller.invites()[0].reply(302, to_tag="t", headers=[contacts]))
        await caller.wire.settle()
        caller.peer.send(caller.invites()[-1].reply(603, to_tag="t"))
        with pytest.raises(CallRejected, match="603"):
            await caller.wire.until(dialling)

    @pytest.mark.parametrize("q", ["0.5", "nonsense", "1e9", "-1", ".", "", "0.5.5"])
    async def test_an_odd_preference_costs_no_call(self, caller: Caller, q: str) -> None:
        await caller.dial()
        contacts = ("Contact", f"<sip:a@10.0.0.9>;q={q}")
        caller.peer.send(caller.invites()[0].reply(302, to_tag="t", headers=[contacts]))
        await caller.wire.settle()
        assert caller.invites()[-1].uri == "sip:a@10.0.0.9"
        assert caller.endpoint.counts().faults == 0

    async def test_that_runs_in_circles_ends(self, caller: Caller) -> None:
        dialling = await caller.dial()
        for number in range(MAX_REDIRECTS + 1):
            contacts = ("Contact", f"<sip:+1@10.0.0.9:5060>, <sip:{number}@10.0.0.9>")
            caller.peer.send(caller.invites()[-1].reply(302, to_tag="t", headers=[contacts]))
            await caller.wire.settle()
        with pytest.raises(CallRejected, match="302"):
            await caller.wire.until(dialling)
        assert len({invite.cseq.number for invite in caller.invites()}) == MAX_REDIRECTS + 1
