"""RTCP packets, byte by byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialnexa.live.rtp.rtcp import (
    Goodbye,
    Report,
    ReportBlock,
    SenderInfo,
    build_goodbye,
    build_report,
    is_rtcp,
    middle,
    ntp,
    parse,
)

BLOCK = ReportBlock(0xCAFE, 64, 17, 0x1_0005, 90, 0x11223344, 65536)
SENDER = SenderInfo(0x83AA7E80_80000000, 1600, 10, 1600)


def test_a_sender_report_is_written_exactly() -> None:
    data = build_report(Report(1, SENDER, (BLOCK,)), "me")
    assert data.hex() == (
        "81c8000c00000001"
        "83aa7e8080000000000006400000000a00000640"
        "0000cafe40000011000100050000005a1122334400010000"
        "81ca0003000000010102" + b"me".hex() + "00000000"
    )
    assert parse(data) == [Report(1, SENDER, (BLOCK,))]


def test_a_goodbye_is_written_exactly() -> None:
    data = build_goodbye(7, "x")
    assert data.hex() == "80c9000100000007" + "81ca0002000000070101" + b"x".hex() + "00" + "81cb000100000007"
    assert parse(data) == [Report(7), Goodbye((7,))]


@given(st.builds(ReportBlock, *[st.integers(0, 2**32 - 1), st.integers(0, 255), st.integers(-(2**23), 2**23 - 1)],
                 *[st.integers(0, 2**32 - 1)] * 4))  # fmt: skip
def test_every_block_is_read_back(block: ReportBlock) -> None:
    assert parse(build_report(Report(5, None, (block,)), "c")) == [Report(5, None, (block,))]


def test_what_we_do_not_know_is_skipped() -> None:
    application = bytes.fromhex("80cc0002000000014e414d45") + b"\0\0\0\0"
    feedback = bytes.fromhex("81ce000200000001") + b"\0\0\0\2"
    assert parse(build_report(Report(1), "c") + application[:12] + feedback) == [Report(1)]


def test_padding_is_taken_off_the_last_packet_only() -> None:
    padded = bytes.fromhex("a0c9000200000007") + b"\0\0\0\4"
    assert parse(padded) == [Report(7)]
    assert parse(padded + padded) == []


@pytest.mark.parametrize(
    "data",
    [b"", b"\x80", b"\x80\xc8\xff\xff", bytes(28), bytes.fromhex("83c9000100000007"), bytes.fromhex("a0c9000100000000"),
     bytes.fromhex("81c8000100000007"), build_report(Report(1), "c") + b"\x80"],
)  # fmt: skip
def test_the_malformed_say_nothing(data: bytes) -> None:
    assert [packet for packet in parse(data) if isinstance(packet, Report) and packet.blocks] == []
    assert len(parse(data)) <= 1


@given(st.binary(max_size=200))
def test_nothing_raises(data: bytes) -> None:
    parse(b"\x81\xc8" + data)
    parse(data)


def test_rtcp_is_told_from_rtp_on_one_port() -> None:
    assert is_rtcp(build_report(Report(1), "c"))
    assert not is_rtcp(b"\x80\x00" + bytes(170))
    assert not is_rtcp(b"\x80\x88" + bytes(170)), "PCMA with a marker"
    assert not is_rtcp(b"")


def test_the_time_of_1970_and_a_half() -> None:
    assert ntp(0.5) == 0x83AA7E80_80000000
    assert middle(ntp(0.5)) == 0x7E808000
