"""What nobody may read in a ladder."""

from __future__ import annotations

import pytest

from dialnexa.live.sip.messages.redaction import redacted


def head(*lines: str) -> bytes:
    return "\r\n".join(["INVITE sip:bob@example.com SIP/2.0", *lines, "", ""]).encode()


@pytest.mark.parametrize(
    ("line", "kept", "gone"),
    [
        (
            'Authorization: Digest username="ann", realm="a \\"b", nonce="n1", uri="sip:x@y", response="0123456789ab"',
            ['username="ann"', 'realm="a \\"b"', 'nonce="n1"', 'uri="sip:x@y"', 'response="************"'],
            ["0123456789ab"],
        ),
        (
            'proxy-authorization : Digest username=ann,\r\n response=abc99, cnonce="zz9", qop=auth',
            ["username=ann", "response=*****", "qop=auth"],
            ["abc99", "zz9"],
        ),
        ("Authorization: Basic dXNlcjpwYXNz", ["Authorization: Basic ************"], ["dXNlcjpwYXNz"]),
        ("Authorization: bearer eyJh.bGci\r\n .more", ["bearer"], ["eyJh", "more"]),
        ("Authorization: opensesame", ["Authorization: "], ["opensesame"]),
        ("X-Trunk-Token: s3cr3t words", ["X-Trunk-Token: "], ["s3cr3t", "words"]),
        ("x-api-key:k3y", ["x-api-key:***"], ["k3y"]),
        ("Contact: <sip:ann:hunter2@192.0.2.1:5060>", ["sip:ann:", "@192.0.2.1:5060"], ["hunter2"]),
    ],
)
def test_a_secret_is_masked_and_the_rest_stays(line: str, kept: list[str], gone: list[str]) -> None:
    before = head(line)
    after = redacted(before)
    assert len(after) == len(before)
    for words in kept:
        assert words.encode() in after
    for words in gone:
        assert words.encode() not in after


def test_media_keys_are_masked_and_their_suite_stays() -> None:
    body = (
        "v=0\r\nm=audio 4000 RTP/SAVP 0\r\n"
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9|2^20|1:4\r\nk=clear:open\r\n"
    )
    after = redacted(head("Content-Type: application/sdp") + body.encode())
    assert b"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:***" in after
    assert b"WVNf" not in after
    assert b"k=clear:****\r\n" in after


@pytest.mark.parametrize(
    "line",
    [
        'WWW-Authenticate: Digest realm="r", nonce="n", opaque="o"',
        "Call-ID: authorization@example.com",
        "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKauth",
        "Contact: <sip:192.0.2.1:5060>",
        "Subject: response=42",
    ],
)
def test_what_is_no_secret_stays_as_it_is(line: str) -> None:
    assert redacted(head(line)) == head(line)


def test_anything_at_all_goes_through() -> None:
    for data in (b"", b"\r\n\r\n", b"\xff\x00Authorization: Digest response=\xff", b"Authorization:", b"k="):
        assert len(redacted(data)) == len(data)
