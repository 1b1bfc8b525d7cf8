"""Keys in session descriptions (RFC 4568)."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.live.sip.wire import SDP

from dialnexa.live.sip.messages.sdes import KEY_BYTES, Crypto, fresh, parse_cryptos
from dialnexa.live.sip.messages.sdp import NoCommonCodec, make_answer, make_offer, narrowed, parse_sdp

KEY = bytes(range(30))
INLINE = base64.b64encode(KEY).decode()


def test_the_example_of_the_rfc_is_read() -> None:
    (crypto,) = parse_cryptos(
        ["crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4 FEC_ORDER=FEC_SRTP"]
    ) or [None]
    assert crypto is None, "a key index and FEC change what packets look like"
    (crypto,) = parse_cryptos(["crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20"])
    assert crypto is not None
    assert (crypto.tag, crypto.suite) == (1, "AES_CM_128_HMAC_SHA1_80")
    assert crypto.key == b"YS___semctl () {\t220;}\n}\nunles"


def test_a_line_is_written_exactly() -> None:
    assert Crypto(7, "AES_CM_128_HMAC_SHA1_32", KEY).encode() == f"crypto:7 AES_CM_128_HMAC_SHA1_32 inline:{INLINE}"


@pytest.mark.parametrize("suite", KEY_BYTES)
def test_every_suite_is_read_back(suite: str) -> None:
    crypto = fresh(suite, 3)
    assert parse_cryptos([crypto.encode()]) == (crypto,)
    assert fresh(suite) != fresh(suite)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "1",
        "1 AES_CM_128_HMAC_SHA1_80",
        f"x AES_CM_128_HMAC_SHA1_80 inline:{INLINE}",
        f"1 F8_128_HMAC_SHA1_80 inline:{INLINE}",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE[:-4]}",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE}|1:4",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE};inline:{INLINE}",
        f"1 AES_CM_128_HMAC_SHA1_80 uri:{INLINE}",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE} UNENCRYPTED_SRTP",
        f"1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE} KDR=3",
        "1 AES_CM_128_HMAC_SHA1_80 inline:ÄÖÜ",
        "1 AEAD_AES_256_GCM inline:" + INLINE,
    ],
)
def test_what_we_cannot_do_is_passed_over(line: str) -> None:
    assert parse_cryptos([f"crypto:{line}", f"crypto:2 AES_CM_128_HMAC_SHA1_80 inline:{INLINE} WSH=128"]) == (
        Crypto(2, "AES_CM_128_HMAC_SHA1_80", KEY),
    )


def test_keys_are_kept_out_of_logs() -> None:
    shown = repr(make_answer(parse_sdp(SDP.encode()), "10.0.0.1", 1, crypto=Crypto(1, "AES_CM_128_HMAC_SHA1_80", KEY)))
    assert "AES_CM" in shown
    assert repr(KEY)[2:-1] not in shown


def test_an_encrypted_offer_is_answered_in_kind() -> None:
    sdp = SDP.replace("RTP/AVP", "RTP/SAVP") + f"a=crypto:4 AES_CM_128_HMAC_SHA1_80 inline:{INLINE}\n"
    offer = parse_sdp(sdp.encode())
    assert offer.secure
    assert offer.cryptos == (Crypto(4, "AES_CM_128_HMAC_SHA1_80", KEY),)
    own = fresh("AES_CM_128_HMAC_SHA1_80", 4)
    text = make_answer(offer, "10.0.0.1", 4000, crypto=own).encode().decode()
    assert "m=audio 4000 RTP/SAVP 0 101\r\n" in text
    assert f"a={own.encode()}\r\n" in text
    with pytest.raises(NoCommonCodec):
        make_answer(offer, "10.0.0.1", 4000)


def test_an_offer_of_both_in_clear_and_encrypted_is_read_whole() -> None:
    sdp = SDP + f"m=audio 5000 RTP/SAVP 8\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{INLINE}\n"
    offer = parse_sdp(sdp.encode())
    assert (offer.port, offer.secure) == (30000, False)
    (sealed,) = offer.alternatives
    assert (sealed.port, sealed.secure) == (5000, True)
    answer = make_answer(sealed, "10.0.0.1", 4000, crypto=fresh("AES_CM_128_HMAC_SHA1_80"))
    assert [line for line in answer.encode().decode().split("\r\n") if line.startswith("m=")] == [
        "m=audio 0 RTP/AVP 0 8 101",
        "m=audio 4000 RTP/SAVP 8",
    ]
    assert narrowed(offer, answer).port == 5000
    assert narrowed(offer, make_answer(offer, "10.0.0.1", 4000)).port == 30000


def test_feedback_profiles_are_answered_as_they_are() -> None:
    offer = parse_sdp(SDP.replace("RTP/AVP", "RTP/AVPF").encode())
    assert b"m=audio 4000 RTP/AVPF 0 101" in make_answer(offer, "10.0.0.1", 4000).encode()


def test_an_offer_in_clear_with_keys_reads_back() -> None:
    offer = make_offer("10.0.0.1", 4000)
    assert parse_sdp(offer.encode()) == offer


@given(
    st.lists(
        st.one_of(st.text(max_size=80), st.text(max_size=80).map("crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{}".format)),
        max_size=20,
    )
)
def test_nothing_in_a_crypto_line_raises(attributes: list[str]) -> None:
    for crypto in parse_cryptos(attributes):
        assert len(crypto.key) == KEY_BYTES[crypto.suite]
