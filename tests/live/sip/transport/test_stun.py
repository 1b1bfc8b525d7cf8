"""STUN's own test vectors (RFC 5769), and answers that are none."""

from __future__ import annotations

import contextlib
import random

import pytest

from dialnexa.live.sip.transport.stun import StunError, binding_request, read_binding

TRANSACTION = bytes.fromhex("b7e7a701bc34d686fa87dfae")
IPV4 = bytes.fromhex(
    "0101003c2112a442b7e7a701bc34d686fa87dfae"
    "8022000b7465737420766563746f7220"
    "002000080001a147e112a643"
    "000800142b91f599fd9e90c38c7489f92af9ba53f06be7d7"
    "80280004c07d4c96"
)
"""RFC 5769 section 2.2."""
IPV6 = bytes.fromhex(
    "010100482112a442b7e7a701bc34d686fa87dfae"
    "8022000b7465737420766563746f7220"
    "002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9"
    "00080014a382954e4be67bf11784c97c8292c275bfe3ed41"
    "80280004c8fb0b4c"
)
"""RFC 5769 section 2.3."""


def test_the_vectors_of_the_rfc() -> None:
    assert read_binding(IPV4, TRANSACTION) == ("192.0.2.1", 32853)
    assert read_binding(IPV6, TRANSACTION) == ("2001:db8:1234:5678:11:2233:4455:6677", 32853)


def test_a_question_is_twenty_bytes() -> None:
    assert binding_request(TRANSACTION).hex() == "000100002112a442" + TRANSACTION.hex()


def test_an_old_server_s_plain_address() -> None:
    old = bytes.fromhex("0101000c2112a442") + TRANSACTION + bytes.fromhex("0001000800011f90cb007107")
    assert read_binding(old, TRANSACTION) == ("203.0.113.7", 8080)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "too short"),
        (IPV4[:30], "not to our question"),
        (bytes.fromhex("010100002112a442") + TRANSACTION, "names no address"),
        (bytes.fromhex("011100082112a442") + TRANSACTION + bytes.fromhex("0009000400000414"), "refuses with 420"),
        (bytes.fromhex("010100082112a442") + TRANSACTION + bytes.fromhex("0020000400010000"), "cannot be read"),
        (bytes.fromhex("010100042112a442") + TRANSACTION + bytes.fromhex("00200030"), "cut off"),
        (IPV4.replace(b"\x01\x01", b"\x00\x01", 1), "no Binding answer"),
    ],
)
def test_what_is_no_answer_says_so(data: bytes, words: str) -> None:
    with pytest.raises(StunError, match=words):
        read_binding(data, TRANSACTION)


def test_another_question_s_answer_is_not_ours() -> None:
    with pytest.raises(StunError):
        read_binding(IPV4, bytes(12))


def test_garbage_is_an_error_and_nothing_else() -> None:
    dice = random.Random(8489)
    for _ in range(20_000):
        data = bytearray(dice.choice((IPV4, IPV6)))
        for _ in range(dice.randint(1, 8)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        with contextlib.suppress(StunError):
            read_binding(bytes(data[: dice.randint(0, len(data))]), TRANSACTION)
