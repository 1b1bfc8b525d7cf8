"""What the doctor says of the carriers numbers are rented from."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from dialnexa.cli.carrier_check import renting
from dialnexa.settings import Settings
from tests.platform.numbers.telnyx_server import CONNECTION, KEY, TelnyxServer, telnyx
from tests.platform.numbers.twilio_server import SID, TOKEN, TRUNK, twilio


def account(server: TelnyxServer, key: str = KEY) -> Settings:
    return Settings(
        telnyx_api_key=key,
        telnyx_connection_id=CONNECTION,
        telnyx_api_url=f"{server.url}/v2",
        outgoing_allow="127.0.0.0/8",
    )


async def test_without_an_account_there_is_nothing_to_tell() -> None:
    assert await renting(Settings()) == []


async def test_a_carrier_that_answers() -> None:
    with telnyx() as server:
        (finding,) = await renting(account(server))
    assert (finding.grade, finding.about) == ("good", "telnyx")
    assert "connection office is active" in finding.words


async def test_every_account_is_asked() -> None:
    with telnyx() as one, twilio() as other:
        both = account(one).model_copy(
            update={
                "twilio_account_sid": SID,
                "twilio_auth_token": TOKEN,
                "twilio_trunk_sid": TRUNK,
                "twilio_sip_host": "acme.pstn.twilio.com",
                "twilio_api_url": f"{other.url}/{{service}}",
            }
        )
        found = await renting(both)
    assert [(finding.grade, finding.about) for finding in found] == [("good", "telnyx"), ("good", "twilio")]


async def test_a_carrier_that_does_not_know_the_key_and_one_that_is_away() -> None:
    with telnyx() as server:
        (refused,) = await renting(account(server, "wrong"))
        away = account(server)
    assert (refused.grade, "check DIALNEXA_TELNYX_API_KEY" in refused.words) == ("bad", True)
    (silent,) = await renting(away)
    assert (silent.grade, "cannot be reached" in silent.words) == ("bad", True)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"telnyx_api_key": "KEY"}, "needs DIALNEXA_TELNYX_CONNECTION_ID"),
        ({"telnyx_sip_username": "acme"}, "needs DIALNEXA_TELNYX_SIP_PASSWORD"),
        ({"twilio_sip_password": "s3cret"}, "needs DIALNEXA_TWILIO_SIP_USERNAME"),
        (
            {"twilio_account_sid": "AC1", "twilio_auth_token": "t"},
            "DIALNEXA_TWILIO_TRUNK_SID and DIALNEXA_TWILIO_SIP_HOST",
        ),
        ({"telnyx_sip_host": "sip:sip.telnyx.com"}, "without .sip:"),
        ({"telnyx_sip_sources": "192.0.2.0/24, nonsense"}, "no address or network"),
    ],
)
def test_half_an_account_is_refused_at_the_start(fields: dict[str, str], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Settings.model_validate(fields)
