"""Webhook verification, against what our own server signs and against everything else."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime

import pytest

from dialnexa.platform.webhooks import wire
from dialnexa_client import InvalidSignature, UnexpectedAnswer, webhooks

SECRET = "whsec_test"
BODY = b'{"id": "evt_1", "event": "call.completed", "call_id": "call_1", "payload": {"call": {}}}'
SIGNED_AT = 1_780_000_000


def now() -> float:
    return SIGNED_AT + 10.0


def sign(message: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def stamped(body: bytes = BODY, secret: str = SECRET, at: int = SIGNED_AT) -> str:
    return f"t={at},v1={sign(f'{at}.'.encode() + body, secret)}"


def test_what_our_server_signs_is_believed() -> None:
    at = datetime.fromtimestamp(SIGNED_AT, UTC)
    headers = wire.headers(BODY, name="call.completed", event_id="evt_1", delivery_id="dlv_1", secrets=[SECRET], now=at)
    event = webhooks.verify(BODY, headers, SECRET, now=now)
    assert (event.id, event.event, event.call_id, event.payload) == ("evt_1", "call.completed", "call_1", {"call": {}})
    without = {name: value for name, value in headers.items() if not name.endswith("V2")}
    assert webhooks.verify(BODY, without, SECRET, require_timestamp=False, now=now) == event
    with pytest.raises(InvalidSignature, match="require_timestamp=False"):
        webhooks.verify(BODY, without, SECRET, now=now)


@pytest.mark.parametrize("name", ["X-DialNexa-Signature", "x-nexa-signature", "X-NEXA-SIGNATURE"])
@pytest.mark.parametrize("prefix", ["sha256=", ""])
def test_the_plain_signature_is_known_by_both_names(name: str, prefix: str) -> None:
    headers = {name: f"{prefix}{sign(BODY)}"}
    assert webhooks.verify(BODY, headers, SECRET, require_timestamp=False).id == "evt_1"


def test_either_secret_is_believed_while_one_replaces_the_other() -> None:
    both = f"{stamped(secret='old')},v1={sign(f'{SIGNED_AT}.'.encode() + BODY)}"
    for secret in ("old", SECRET):
        assert webhooks.verify(BODY, {"x-dialnexa-signature-v2": both}, secret, now=now).id == "evt_1"


@pytest.mark.parametrize(
    ("v2", "said"),
    [
        (stamped(BODY + b" "), "does not match"),
        (stamped(secret="other"), "does not match"),
        (stamped().replace(str(SIGNED_AT), str(SIGNED_AT + 9)), "does not match"),
        (stamped(at=SIGNED_AT - 300), "signed 310 s ago"),
        (stamped(at=SIGNED_AT + 400), "signed -390 s ago"),
        (f"t={SIGNED_AT}", "does not match"),
        (f"t={SIGNED_AT},v1=é", "does not match"),
        (f"t=١,v1={sign(BODY)}", "has no time"),
        ("garbage", "has no time"),
        ("", "has no time"),
    ],
)
def test_a_wrong_or_old_timestamped_signature_is_refused_whatever_stands_beside_it(v2: str, said: str) -> None:
    headers = {"X-DialNexa-Signature-V2": v2, "X-DialNexa-Signature": f"sha256={sign(BODY)}"}
    for strict in (True, False):
        with pytest.raises(InvalidSignature, match=said):
            webhooks.verify(BODY, headers, SECRET, require_timestamp=strict, now=now)


def test_unsigned_deliveries_and_missing_secrets_are_refused() -> None:
    with pytest.raises(InvalidSignature, match="not signed"):
        webhooks.verify(BODY, {}, SECRET, require_timestamp=False)
    with pytest.raises(InvalidSignature, match="no secret"):
        webhooks.verify(BODY, {"x-nexa-signature": sign(BODY, "")}, "", require_timestamp=False)


def test_a_signed_body_that_is_no_event_is_told_apart() -> None:
    for body in (b"hello", b"[]", b"{}"):
        with pytest.raises(UnexpectedAnswer):
            webhooks.verify(body, {"X-DialNexa-Signature-V2": stamped(body)}, SECRET, now=now)
