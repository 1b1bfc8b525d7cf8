"""Phones that register with us: who may, what is kept of them, and what scanners learn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import pytest
from tests.live.sip.wire import Peer, Wire, request

from dialnexa.live.plan import Credentials
from dialnexa.live.sip.endpoint import Gate, SipEndpoint
from dialnexa.live.sip.gate.defence import SOURCES_KEPT, WrongLogins
from dialnexa.live.sip.gate.policy import Treatment
from dialnexa.live.sip.messages.digest import answer, challenges_of
from dialnexa.live.sip.messages.hop import TCP, Hop
from dialnexa.live.sip.messages.message import Request, Response, parse
from dialnexa.live.sip.registrations.registrar import (
    MOST_BINDINGS,
    Binding,
    RegisterAnswer,
    RegisterRefused,
    RegisterRequest,
    answer_headers,
    best_first,
    carry_out,
    read_register,
)

DESK = Credentials("desk", "s3cret")
SOURCE = Hop("203.0.113.9", 40000)


def register(
    *contacts: str, expires: str = "", cseq: int = 1, call_id: str = "r1", extra: str = "", source: Hop = SOURCE
) -> RegisterRequest:
    lines = "".join(f"Contact: {contact}\n" for contact in contacts) + (f"Expires: {expires}\n" if expires else "")
    text = request("REGISTER", uri="sip:10.0.0.1", cseq=cseq, call_id=call_id, extra=lines + extra)
    text = text.replace("Contact: <sip:phone@10.0.0.9:5060>\n", "", 1)
    message = parse(text.replace("\n", "\r\n").encode())
    assert isinstance(message, Request), message
    return read_register(message, source)


PHONE = "<sip:desk@192.168.1.5:5060>"


class TestCarryOut:
    def test_a_phone_is_known_until_its_time_is_up(self) -> None:
        bindings = carry_out(register(PHONE, expires="120"), (), 1000.0)
        assert [(binding.contact, binding.expires_at, binding.source) for binding in bindings] == [
            ("sip:desk@192.168.1.5:5060", 1120.0, SOURCE)
        ]
        assert carry_out(register(), bindings, 1119.0) == bindings
        assert carry_out(register(), bindings, 1120.0) == ()

    @pytest.mark.parametrize(
        ("contact", "expires", "granted"),
        [(PHONE, "", 600), (PHONE + ";expires=90", "300", 90), (PHONE, "99999999999", 3600), (PHONE, "soon", 600)],
    )
    def test_the_contacts_own_time_goes_before_the_headers_and_none_is_endless(
        self, contact: str, expires: str, granted: int
    ) -> None:
        assert carry_out(register(contact, expires=expires), (), 0.0)[0].expires_at == granted

    def test_a_refresh_renews_and_a_removal_removes_whatever_the_spelling(self) -> None:
        known = carry_out(register("<sip:desk@PBX.example>", cseq=1), (), 0.0)
        known = carry_out(register("sip:desk@pbx.example:5060", cseq=2), known, 100.0)
        assert [binding.expires_at for binding in known] == [700.0]
        assert carry_out(register("<sip:desk@pbx.example>;expires=0", cseq=3), known, 101.0) == ()

    def test_a_phone_that_moved_keeps_one_place_by_its_instance(self) -> None:
        device = ';+sip.instance="<urn:uuid:0-1>";reg-id=1'
        known = carry_out(register(PHONE + device), (), 0.0)
        known = carry_out(register("<sip:desk@192.168.1.77:7000>" + device, call_id="r2"), known, 1.0)
        assert [binding.contact for binding in known] == ["sip:desk@192.168.1.77:7000"]
        assert answer_headers(known, (), 1.0) == [
            ("Contact", '<sip:desk@192.168.1.77:7000>;expires=600;+sip.instance="<urn:uuid:0-1>";reg-id=1')
        ]

    def test_a_star_takes_everything_away(self) -> None:
        known = carry_out(register(PHONE, "<sip:desk@10.1.1.1>"), (), 0.0)
        assert carry_out(register("*", expires="0", cseq=2), known, 1.0) == ()

    @pytest.mark.parametrize("contacts", [("*",), ("*", PHONE)])
    def test_a_star_with_anything_else_is_a_bad_request(self, contacts: Sequence[str]) -> None:
        with pytest.raises(RegisterRefused) as refusal:
            register(*contacts, expires="600" if len(contacts) == 1 else "0")
        assert refusal.value.status == 400

    def test_what_was_overtaken_changes_nothing(self) -> None:
        known = carry_out(register(PHONE, cseq=5), (), 0.0)
        for late in (register(PHONE, expires="0", cseq=4), register("*", expires="0", cseq=5)):
            with pytest.raises(RegisterRefused, match="Out Of Order"):
                carry_out(late, known, 1.0)
        assert carry_out(register(PHONE, expires="0", cseq=1, call_id="rebooted"), known, 1.0) == ()

    def test_all_or_nothing(self) -> None:
        known = carry_out(register(PHONE, cseq=5), (), 0.0)
        with pytest.raises(RegisterRefused):
            carry_out(register("<sip:desk@10.1.1.1>", PHONE, cseq=4), known, 1.0)

    def test_too_short_a_time_is_told_the_shortest(self) -> None:
        with pytest.raises(RegisterRefused) as refusal:
            register(PHONE, expires="5")
        assert (refusal.value.status, refusal.value.headers) == (423, (("Min-Expires", "60"),))

    def test_nobody_fills_the_house(self) -> None:
        known: tuple[Binding, ...] = ()
        for number in range(MOST_BINDINGS):
            known = carry_out(register(f"<sip:desk@10.1.1.{number}>", call_id=str(number)), known, 0.0)
        with pytest.raises(RegisterRefused) as refusal:
            carry_out(register("<sip:desk@10.1.2.1>", call_id="more"), known, 1.0)
        assert refusal.value.status == 403
        with pytest.raises(RegisterRefused):
            register(*(f"<sip:desk@10.1.1.{number}>" for number in range(MOST_BINDINGS + 1)))

    @pytest.mark.parametrize(
        "contact", ["<mailto:a@b>", "<tel:+1555>", "<sip:a@b?Route=x>", f"<sip:{'a' * 600}@b>", "<sip:@>"]
    )
    def test_a_contact_that_cannot_be_called_is_refused(self, contact: str) -> None:
        with pytest.raises(RegisterRefused) as refusal:
            register(contact)
        assert refusal.value.status == 400

    def test_extensions_we_lack_are_named(self) -> None:
        with pytest.raises(RegisterRefused) as refusal:
            register(PHONE, extra="Require: path, gruu\n")
        assert refusal.value.headers == (("Unsupported", "gruu"),)

    def test_a_path_is_kept_and_told_back(self) -> None:
        asked = register(PHONE, extra="Path: <sip:edge.example;lr>\n")
        known = carry_out(asked, (), 0.0)
        assert known[0].path == ("<sip:edge.example;lr>",)
        assert ("Path", "<sip:edge.example;lr>") in answer_headers(known, asked.path, 0.0)

    def test_the_preferred_place_first_then_the_one_heard_of_last(self) -> None:
        known = carry_out(register("<sip:a@h>;q=0.5", "<sip:b@h>", "<sip:c@h>;q=nonsense;expires=900"), (), 0.0)
        assert [binding.contact for binding in best_first(known, 1.0)] == ["sip:c@h", "sip:b@h", "sip:a@h"]


class TestTheWayBack:
    @pytest.mark.parametrize(
        ("contact", "source", "way"),
        [
            ("<sip:d@192.168.1.5:5062>", SOURCE, SOURCE),
            ("<sip:d@203.0.113.9:5062>", SOURCE, Hop("203.0.113.9", 5062)),
            ("<sip:d@phone.example>", SOURCE, SOURCE),
            ("<sip:d@203.0.113.9:5062;transport=tcp>", Hop("203.0.113.9", 40000, TCP), Hop("203.0.113.9", 40000, TCP)),
        ],
    )
    def test_leads_through_the_nat_or_over_the_connection(self, contact: str, source: Hop, way: Hop) -> None:
        assert carry_out(register(contact, source=source), (), 0.0)[0].hop == way


@dataclass
class House:
    """A registrar in memory."""

    open: bool = True
    bindings: tuple[Binding, ...] = ()
    asked: list[RegisterRequest] = field(default_factory=list)

    def register(self, asked: RegisterRequest, respond: Callable[[RegisterAnswer], None]) -> None:
        self.asked.append(asked)
        self.bindings = carry_out(asked, self.bindings, 0.0)
        respond(RegisterAnswer(200, headers=tuple(answer_headers(self.bindings, asked.path, 0.0))))


def at_the_door(house: House) -> tuple[Wire, SipEndpoint, Peer]:
    wire = Wire()
    gate = Gate(lambda request, host: Treatment.ADMIT, {"desk": DESK}.get)
    return wire, wire.endpoint("10.0.0.1", gate=gate, registrar=house), wire.peer("10.0.0.9")


def ask(number: int = 1, *, user: str = "desk", login: str = "") -> str:
    text = request(
        "REGISTER",
        uri="sip:10.0.0.1",
        branch=f"z9hG4bK-{number}",
        cseq=number,
        extra=f"Authorization: {login}\n" if login else "",
    )
    return text.replace("To: <sip:+14155550100@10.0.0.1>", f"To: <sip:{user}@10.0.0.1>")


async def challenged(peer: Peer, number: int = 1) -> Response:
    refusal = await peer.says(ask(number))
    assert isinstance(refusal, Response) and refusal.status == 401
    return refusal


def with_login(refusal: Response, who: Credentials, number: int, *, user: str = "desk") -> str:
    login = answer(challenges_of(refusal)[0], who, "REGISTER", "sip:10.0.0.1")
    return ask(number, user=user, login=login)


class TestAtTheDoor:
    async def test_a_phone_with_the_password_is_let_in_and_told_what_is_known(self) -> None:
        house = House()
        _, endpoint, peer = at_the_door(house)
        refusal = await challenged(peer)
        assert endpoint.counts().server_transactions == 0
        answer_ = await peer.says(with_login(refusal, DESK, 2))
        assert isinstance(answer_, Response) and answer_.status == 200
        assert answer_.headers.first("Contact") == "<sip:phone@10.0.0.9:5060>;expires=600"
        assert house.asked[0].source == Hop("10.0.0.9", 5060)

    async def test_who_does_not_exist_hears_the_same_as_who_got_it_wrong(self) -> None:
        house = House()
        _, endpoint, peer = at_the_door(house)
        refusal = await challenged(peer)
        heard: list[Response] = []
        for number, who in enumerate([replace(DESK, password="no"), Credentials("ghost", "boo")], 2):
            answer_ = await peer.says(with_login(refusal, who, number, user=who.username))
            assert isinstance(answer_, Response)
            heard.append(answer_)
        assert [each.status for each in heard] == [401, 401]
        wrong, ghost = ([name for name, _ in each.headers] for each in heard)
        assert wrong == ghost
        assert house.asked == []
        assert endpoint.counts().wrong_logins == 2

    async def test_nobody_registers_for_somebody_else(self) -> None:
        house = House()
        _, _, peer = at_the_door(house)
        refusal = await challenged(peer)
        answer_ = await peer.says(with_login(refusal, DESK, 2, user="boss"))
        assert isinstance(answer_, Response) and answer_.status == 403
        assert house.asked == []

    async def test_guessing_soon_meets_silence_and_the_right_password_must_wait(self) -> None:
        house = House()
        wire, _, peer = at_the_door(house)
        refusal = await challenged(peer)
        for number in range(2, 12):
            await peer.says(with_login(refusal, replace(DESK, password=str(number)), number))
        assert peer.statuses() == [401] * 6, "the challenge, and five wrong guesses"
        await peer.says(with_login(refusal, DESK, 20))
        assert house.asked == []
        await wire.pass_time(25)
        await peer.says(with_login(refusal, DESK, 21))
        assert peer.statuses()[-1] == 200

    async def test_where_nobody_may_register_nobody_is_asked_for_a_password(self) -> None:
        _, _, peer = at_the_door(House(open=False))
        answer_ = await peer.says(ask())
        assert isinstance(answer_, Response) and answer_.status == 405

    async def test_nonsense_with_a_good_login_is_a_bad_request(self) -> None:
        _, endpoint, peer = at_the_door(House())
        refusal = await challenged(peer)
        text = with_login(refusal, DESK, 2).replace("Contact: <sip:phone@10.0.0.9:5060>", "Contact: <tel:+1>")
        answer_ = await peer.says(text)
        assert isinstance(answer_, Response) and (answer_.status, endpoint.counts().faults) == (400, 0)


class TestWrongLogins:
    def test_one_phone_with_an_old_password_does_not_lock_out_its_neighbours(self) -> None:
        wrong = WrongLogins()
        for _ in range(5):
            assert wrong.may_try("a", "desk", 0.0)
            wrong.note("a", "desk", 0.0)
        assert not wrong.may_try("a", "desk", 0.0)
        assert wrong.may_try("a", "lobby", 0.0)
        assert wrong.may_try("b", "desk", 0.0)
        assert wrong.may_try("a", "desk", 20.0)

    def test_trying_many_names_is_no_way_round(self) -> None:
        wrong = WrongLogins()
        for number in range(50):
            wrong.note("a", str(number), 0.0)
        assert not wrong.may_try("a", "another", 0.0)

    def test_memory_is_flat(self) -> None:
        wrong = WrongLogins()
        for number in range(SOURCES_KEPT):
            wrong.note(str(number), str(number), 0.0)
        assert len(wrong) == SOURCES_KEPT
