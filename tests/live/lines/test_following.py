"""Which transfers of the far end are followed, and what the timeline says of them in the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from dialnexa.live.line import NotConnected
from dialnexa.live.lines.following import Follower
from dialnexa.live.outcome import Ending, EndReason
from dialnexa.live.plan import NumberFormat, SipRoute
from dialnexa.live.sip.calls.transfer import Referral, ReferTarget, TransferProgress
from dialnexa.live.sip.errors import CallRejected
from dialnexa.live.sip.ladder import Ladders
from dialnexa.live.sip.messages.hop import Hop
from dialnexa.live.sip.messages.sdp import SdpError, SessionDescription, make_offer
from dialnexa.live.timeline import Happening, TransferMoved

TRUNK = SipRoute("sip.carrier.example", 5060, trunk_id="trunk_1", accept_transfers=True)
SDP = make_offer("192.0.2.1", 40000)


@dataclass
class Call:
    """What the endpoint dials, or the caller who comes: its end is the test's to say."""

    end: asyncio.Future[Dialog]
    call_id: str = "call-2@carrier"
    from_user: str = "+16505550123"
    offer: SessionDescription | None = SDP
    refused_with: list[int] = field(default_factory=list[int])

    async def answered(self, on_progress: object) -> Dialog:
        return await self.end

    async def accept(self, answer: SessionDescription) -> Dialog:
        return await self.end

    def reject(self, status: int, *_: object, **__: object) -> None:
        self.refused_with.append(status)


@dataclass
class Dialog:
    local_sdp: SessionDescription = SDP
    remote_sdp: SessionDescription = SDP


@dataclass
class Endpoint:
    """An endpoint that knows where the trunk is, and dials one call."""

    call: Call | None = None
    hops: tuple[Hop, ...] = (Hop("203.0.113.20", 5060), Hop("203.0.113.21", 5062))
    dialled: list[tuple[str, dict[str, Any]]] = field(default_factory=list[tuple[str, dict[str, Any]]])

    async def locate(self, host: str, port: int, transport: str = "udp", proxy: str = "") -> list[Hop]:
        if not self.hops:
            raise CallRejected(503, "Service Unavailable")
        return list(self.hops)

    def dial(self, to: str, **options: Any) -> Call:
        assert self.call
        self.dialled.append((to, options))
        return self.call


class Move:
    """The audio on its way."""

    def __init__(self, refuses: bool = False) -> None:
        self.refuses = refuses
        self.made = False

    def offer(self) -> SessionDescription:
        return SDP

    def answer(self, offer: SessionDescription) -> SessionDescription:
        if self.refuses:
            raise SdpError("no codec in common")
        return SDP

    def make(self, local: SessionDescription, remote: SessionDescription) -> None:
        self.made = True


class Audio:
    def __init__(self, move: Move) -> None:
        self.move = move

    def elsewhere(self) -> Move:
        return self.move


@dataclass
class Asked:
    """A REFER, and what the far end was told of it."""

    statuses: list[int] = field(default_factory=list[int])

    def referral(self, uri: str = "sip:+16505550123@sip.carrier.example") -> Referral:
        def notified(progress: TransferProgress) -> None:
            self.statuses.append(progress.status)

        return Referral(ReferTarget(uri, ""), self.statuses.append, notified)


def follower(
    route: SipRoute = TRUNK,
    endpoint: Endpoint | None = None,
    told: list[Happening] | None = None,
    may_call: Callable[[str], bool] = lambda _: True,
) -> Follower:
    tell = (told if told is not None else []).append
    ladder = Ladders({}).open()
    return Follower(route, "+14155550100", cast("Any", endpoint or Endpoint()), 30, ladder, tell, may_call)


async def way(uri: str, route: SipRoute = TRUNK, **more: Any) -> tuple[str, SipRoute] | None:
    found = await follower(route, **more).way(ReferTarget(uri, ""))
    return (found.user, found.route) if found else None


class TestWhoMayBeCalled:
    @pytest.mark.parametrize(
        ("uri", "user"),
        [
            ("sip:+16505550123@sip.carrier.example", "+16505550123"),
            ("sip:boss@SIP.Carrier.example:5060;transport=tcp", "boss"),
            ("sip:1002@203.0.113.20", "1002"),
            ("sip:1002@203.0.113.21:5062", "1002"),
            ("sip:1002@pbx.example", "1002"),
            ("tel:+1-650-555.0123", "+16505550123"),
            ("tel:555-0123;phone-context=+1650", "+16505550123"),
        ],
    )
    async def test_somebody_on_the_trunk(self, uri: str, user: str) -> None:
        found = await way(uri, replace(TRUNK, from_domain="pbx.example"))
        assert found is not None
        assert found[0] == user
        assert (found[1].host, found[1].port) == ("sip.carrier.example", 5060)

    @pytest.mark.parametrize(
        "uri",
        [
            "sip:boss@elsewhere.example",
            "sip:boss@sip.carrier.example:5070",
            "sip:boss@203.0.113.20:5061",
            "sip:boss@203.0.113.99",
            "sip:sip.carrier.example",
            "tel:911",
            "mailto:boss@sip.carrier.example",
            "nonsense",
        ],
    )
    async def test_nobody_else(self, uri: str) -> None:
        assert await way(uri) is None

    async def test_an_address_is_the_trunks_only_if_its_name_leads_there_now(self) -> None:
        assert await way("sip:1002@203.0.113.20", endpoint=Endpoint(hops=())) is None
        by_address = replace(TRUNK, host="203.0.113.20")
        assert await way("sip:1002@203.0.113.20", by_address) is not None
        assert await way("sip:1002@203.0.113.21", by_address) is None

    @pytest.mark.parametrize(("port", "followed"), [(5062, True), (5070, False)])
    async def test_where_names_decide_the_port_any_of_theirs_will_do(self, port: int, followed: bool) -> None:
        found = await way(f"sip:1002@sip.carrier.example:{port}", replace(TRUNK, port=0))
        assert (found is not None) is followed

    @pytest.mark.parametrize(
        ("written", "form"),
        [
            ("sip:+19005550123@sip.carrier.example", NumberFormat()),
            ("sip:19005550123@sip.carrier.example", NumberFormat()),
            ("sip:0019005550123@sip.carrier.example", NumberFormat(plus=False, add="00")),
            ("sip:9005550123@sip.carrier.example", NumberFormat(plus=False, strip="1")),
            ("sip:99005550123@sip.carrier.example", NumberFormat(plus=False, strip="1", add="9")),
            ("tel:+1-900-555-0123", NumberFormat(plus=False)),
        ],
    )
    async def test_what_the_workspace_may_not_call_it_is_not_sent_to_either(
        self, written: str, form: NumberFormat
    ) -> None:
        route = replace(TRUNK, number_format=form)
        assert await way(written, route) is not None
        assert await way(written, route, may_call=lambda number: number != "+19005550123") is None

    async def test_a_tel_number_is_written_as_the_trunk_wants_it_and_a_sip_name_as_it_came(self) -> None:
        local = NumberFormat(plus=False, strip="44", add="0")
        route = replace(TRUNK, number_format=local, contact="sip:desk@198.51.100.7", path=("<sip:edge>",))
        tel, sip = await way("tel:+442079460123", route), await way("sip:02079460123@sip.carrier.example", route)
        assert tel and sip
        assert tel[1].number_format.write(tel[0]) == "02079460123"
        assert sip[1].number_format.write(sip[0]) == "02079460123"
        assert (tel[1].contact, tel[1].path) == ("", ())

    async def test_the_other_call_of_an_attended_transfer_goes_along(self) -> None:
        target = ReferTarget("sip:boss@sip.carrier.example", "boss", "a;to-tag=b;from-tag=c")
        found = await follower().way(target)
        assert found and found.route.headers == (("Replaces", "a;to-tag=b;from-tag=c"),)


@dataclass
class Scene:
    """One transfer under way."""

    told: list[Happening] = field(default_factory=list[Happening])
    asked: Asked = field(default_factory=Asked)
    move: Move = field(default_factory=Move)
    call: Call = field(init=False)

    def __post_init__(self) -> None:
        self.call = Call(asyncio.get_running_loop().create_future())

    async def follow(self) -> Any:
        one = follower(endpoint=Endpoint(self.call), told=self.told)
        referral = self.asked.referral()
        found = await one.way(referral.target)
        assert found
        return await one.follow(referral, found, cast("Any", Audio(self.move)))

    async def let_in(self) -> Any:
        one = follower(told=self.told)
        return await one.let_in(cast("Any", self.call), cast("Any", Audio(self.move)))

    @property
    def story(self) -> list[tuple[str, str, str, str, int | None]]:
        """Status, method and the one leg of each line of the timeline."""
        return [
            (str(one.status), one.method, one.legs[0].destination, one.legs[0].status, one.legs[0].sip_status)
            for one in self.told
            if isinstance(one, TransferMoved)
        ]


@pytest.fixture
async def scene() -> Scene:
    return Scene()


BEGUN = ("initiated", "followed", "+16505550123", "dialing", None)
COMING = ("initiated", "followed", "+16505550123", "ringing", None)


class TestFollowing:
    async def test_the_audio_goes_there(self, scene: Scene) -> None:
        dialog = Dialog()
        scene.call.end.set_result(dialog)
        assert await scene.follow() is dialog
        assert scene.move.made
        assert scene.story == [BEGUN, ("completed", "followed", "+16505550123", "bridged", None)]
        assert scene.asked.statuses == [202, 100]

    async def test_nobody_there_leaves_the_call_as_it_was(self, scene: Scene) -> None:
        busy = NotConnected(Ending.BUSY, EndReason.USER_BUSY, "busy", 486)
        scene.call.end.set_exception(busy)
        assert await scene.follow() is None
        assert scene.story == [BEGUN, ("failed", "followed", "+16505550123", "failed", 486)]
        assert scene.asked.statuses == [202, 100, 486]
        assert not scene.move.made

    async def test_cut_off_while_it_rings_it_is_not_left_open(self, scene: Scene) -> None:
        following = asyncio.create_task(scene.follow())
        await asyncio.sleep(0)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        assert scene.story == [BEGUN, ("failed", "followed", "+16505550123", "cancelled", None)]
        assert scene.asked.statuses == [202, 100, 487]


class TestLettingIn:
    async def test_the_audio_goes_to_who_comes(self, scene: Scene) -> None:
        dialog = Dialog()
        scene.call.end.set_result(dialog)
        assert await scene.let_in() is dialog
        assert scene.move.made
        assert scene.story == [COMING, ("completed", "followed", "+16505550123", "bridged", None)]

    async def test_who_speaks_no_codec_of_ours_is_refused(self, scene: Scene) -> None:
        scene.move.refuses = True
        assert await scene.let_in() is None
        assert scene.call.refused_with == [488]
        assert scene.story == [COMING, ("failed", "followed", "+16505550123", "failed", 488)]

    async def test_cut_off_before_it_is_up_it_is_not_left_open(self, scene: Scene) -> None:
        coming = asyncio.create_task(scene.let_in())
        await asyncio.sleep(0)
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)
        assert scene.call.refused_with == [487]
        assert scene.story == [COMING, ("failed", "followed", "+16505550123", "cancelled", None)]
