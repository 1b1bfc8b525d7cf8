"""A trunk that sends us elsewhere (3xx)."""

from __future__ import annotations

import pytest

from dialnexa.live.plan import Credentials
from dialnexa.live.sip.endpoint import CallRejected
from dialnexa.live.sip.outgoing import MAX_REDIRECTS
from tests.live.sip.test_calls import Caller
from tests.live.sip.wire import SDP


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

    async def test_that_runs_in_circles_ends(self, caller: Caller) -> None:
        dialling = await caller.dial()
        for number in range(MAX_REDIRECTS + 1):
            contacts = ("Contact", f"<sip:+1@10.0.0.9:5060>, <sip:{number}@10.0.0.9>")
            caller.peer.send(caller.invites()[-1].reply(302, to_tag="t", headers=[contacts]))
            await caller.wire.settle()
        with pytest.raises(CallRejected, match="302"):
            await caller.wire.until(dialling)
        assert len({invite.cseq.number for invite in caller.invites()}) == MAX_REDIRECTS + 1
