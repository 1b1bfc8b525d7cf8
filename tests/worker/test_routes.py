"""A trunk in the words of the live wing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dialnexa.live.plan import Credentials, Dtmf, Encryption, NumberFormat, SipRoute
from dialnexa.platform.numbers.service import TrunkRoute
from dialnexa.platform.numbers.trunk_settings import TrunkSettings
from dialnexa.worker.routes import sip_route


def test_every_habit_reaches_the_route() -> None:
    habits = TrunkSettings(
        transport="tls",
        outbound_proxy="edge.example:5070",
        from_user="acme",
        from_domain="carrier.example",
        plus=False,
        strip_prefix="44",
        add_prefix="0",
        headers=("X-Account: 42",),
        codecs=("PCMA",),
        encryption="required",
        accept_transfers=True,
        dtmf="info",
        privacy="id",
        identity="preferred",
    )
    assert sip_route(
        TrunkRoute("trunk_1", "carrier.example", 0, "acme", "s3cret", settings=habits), edge="10.0.0.5"
    ) == SipRoute(
        "carrier.example",
        0,
        Credentials("acme", "s3cret"),
        "trunk_1",
        transport="tls",
        proxy="edge.example:5070",
        from_user="acme",
        from_domain="carrier.example",
        headers=(("X-Account", "42"),),
        codecs=("PCMA",),
        encryption=Encryption.REQUIRED,
        accept_transfers=True,
        dtmf=Dtmf.INFO,
        hide_caller=True,
        identity_header="P-Preferred-Identity",
        number_format=NumberFormat(plus=False, strip="44", add="0"),
    )


@pytest.mark.parametrize(
    ("wanted", "number", "written"),
    [
        (NumberFormat(), "+442071234567", "+442071234567"),
        (NumberFormat(plus=False), "+442071234567", "442071234567"),
        (NumberFormat(plus=False, strip="44", add="0"), "+442071234567", "02071234567"),
        (NumberFormat(plus=True, strip="44", add="0"), "+33123456789", "+33123456789"),
        (NumberFormat(plus=False, strip="1"), "+12025550134", "2025550134"),
        (NumberFormat(plus=False, add="1234#"), "+12025550134", "1234#12025550134"),
        (NumberFormat(plus=False, add="00"), "+442071234567", "00442071234567"),
        (NumberFormat(plus=False, add="9"), "1001", "1001"),
    ],
)
def test_numbers_are_written_as_the_carrier_wants_them(wanted: NumberFormat, number: str, written: str) -> None:
    assert wanted.write(number) == written


@pytest.mark.parametrize(
    ("form", "written", "numbers"),
    [
        (NumberFormat(), "+442071234567", {"+442071234567"}),
        (NumberFormat(plus=False, add="00"), "00442071234567", {"+442071234567"}),
        (NumberFormat(plus=False, strip="44", add="0"), "02071234567", {"+442071234567", "+2071234567"}),
        (NumberFormat(plus=False, strip="1"), "9005550123", {"+9005550123", "+19005550123"}),
        (NumberFormat(), "boss", set()),
        (NumberFormat(), "1002", set()),
    ],
)
def test_what_a_trunk_may_mean_by_what_it_writes(form: NumberFormat, written: str, numbers: set[str]) -> None:
    assert numbers <= form.meanings(written)
    assert bool(form.meanings(written)) is bool(numbers)


def test_the_edge_stands_in_where_a_trunk_names_no_proxy() -> None:
    plain = TrunkRoute("trunk_1", "carrier.example", 5060)
    assert sip_route(plain, edge="10.0.0.5;transport=tcp").proxy == "10.0.0.5;transport=tcp"
    assert sip_route(plain, edge="").proxy == ""
    secure = replace(plain, settings=TrunkSettings(transport="tls"))
    assert sip_route(secure, edge="10.0.0.5:5070").proxy == "10.0.0.5:5070;transport=tcp", "no TLS on the inside"
    assert sip_route(secure, edge="10.0.0.5;transport=tls").proxy == "10.0.0.5;transport=tls"
