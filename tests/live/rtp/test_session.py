"""RTP sessions on real loopback sockets; ticks are moved by hand."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator

import pytest
from tests.live.media.fakes import Diary, HandClock

from dialnexa.live.media.clock import PHASES
from dialnexa.live.media.codec import SILENCE, Codec, encode
from dialnexa.live.media.engine import MediaEngine
from dialnexa.live.media.g722 import G722Mouth
from dialnexa.live.media.leg import Leg
from dialnexa.live.media.tones import tone
from dialnexa.live.rtp import rtcp
from dialnexa.live.rtp.event import build as build_event
from dialnexa.live.rtp.packet import RtpPacket, build, parse
from dialnexa.live.rtp.ports import NoPortsLeft, PortRange
from dialnexa.live.rtp.session import RtpSession
from dialnexa.live.rtp.srtp import Srtp, SrtpKeys

HOST = "127.0.0.1"


class Phone:
    """The far end: a plain UDP socket."""

    def __init__(self) -> None:
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((HOST, 0))
        self.udp.settimeout(2)
        self.address: tuple[str, int] = self.udp.getsockname()

    def sends(self, session: RtpSession, *packets: RtpPacket | bytes) -> None:
        for packet in packets:
            self.udp.sendto(packet if isinstance(packet, bytes) else build(packet), (HOST, session.port))

    def receives(self) -> RtpPacket:
        packet = parse(self.udp.recv(2048))
        assert packet
        return packet


@pytest.fixture
def phone() -> Iterator[Phone]:
    phone = Phone()
    yield phone
    phone.udp.close()


@pytest.fixture
def ports() -> PortRange:
    return PortRange(31000, 31099)


@pytest.fixture
async def session(ports: PortRange) -> AsyncIterator[RtpSession]:
    session = await RtpSession.open(HOST, ports)
    yield session
    session.close()


class Call:
    def __init__(self, session: RtpSession, phone: Phone, event_type: int | None = 101) -> None:
        self.engine = MediaEngine(HandClock(), vad=False)
        self.diary = Diary()
        session.connect(phone.address, payload_type=0, event_payload_type=event_type)
        self.leg: Leg = self.engine.open_leg(session, codec=Codec.PCMU, listener=self.diary)
        session.attach(self.leg)
        self.cycle = 0

    def ticks(self, count: int = 1) -> None:
        for _ in range(count):
            self.cycle += 1
            for phase in range(PHASES):
                self.engine.tick(phase, self.cycle)


async def test_the_port_is_even_and_comes_back(ports):
    free = ports.free
    session = await RtpSession.open(HOST, ports)
    assert session.port % 2 == 0
    assert ports.free == free - 1
    session.close()
    session.close()
    assert ports.free == free


async def test_a_port_of_another_program_is_stepped_over():
    taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    taken.bind((HOST, 31200))
    ports = PortRange(31200, 31203)
    session = await RtpSession.open(HOST, ports)
    assert session.port == 31202
    with pytest.raises(NoPortsLeft, match="no media port"):
        await RtpSession.open(HOST, ports)
    session.close()
    taken.close()


async def test_an_address_that_is_not_ours_is_refused_and_its_port_kept(ports):
    with pytest.raises(OSError, match="assign"):
        await RtpSession.open("192.0.2.1", ports)
    assert ports.free == 50


async def test_packets_carry_the_call_clock_and_count_up(session, phone):
    call = Call(session, phone)
    call.ticks(3)
    first, second, third = (phone.receives() for _ in range(3))
    assert first.payload == SILENCE[Codec.PCMU]
    assert [p.marker for p in (first, second, third)] == [True, False, False]
    assert [(p.sequence - first.sequence) & 0xFFFF for p in (second, third)] == [1, 2]
    assert [(p.timestamp - first.timestamp) & 0xFFFFFFFF for p in (second, third)] == [160, 320]
    assert {p.ssrc for p in (first, second, third)} == {first.ssrc}
    assert first.payload_type == 0


async def test_a_hold_shows_as_a_jump_of_the_timestamp_but_not_of_the_sequence(session, phone):
    call = Call(session, phone)
    call.ticks()
    call.leg.held = True
    call.ticks(4)
    call.leg.held = False
    call.ticks()
    before, after = phone.receives(), phone.receives()
    assert (after.timestamp - before.timestamp) & 0xFFFFFFFF == 5 * 160
    assert (after.sequence - before.sequence) & 0xFFFF == 1
    assert after.marker


async def test_what_the_phone_says_reaches_the_listener(session, phone):
    call = Call(session, phone)
    sound = encode(Codec.PCMU, tone((440,), 0.1))
    for n in range(5):
        phone.sends(session, RtpPacket(0, n, n * 160, 7, sound[n * 160 : n * 160 + 160]))
        call.ticks()
    heard = b"".join(encode(Codec.PCMU, samples) for samples in call.diary.audio)
    assert heard[160:] == sound[:640]
    assert call.leg.silent_for_s == pytest.approx(0.02)


async def test_the_other_telephone_codec_is_understood_too(session, phone):
    call = Call(session, phone)
    for n in range(3):
        phone.sends(session, RtpPacket(8, n, n * 160, 7, encode(Codec.PCMA, tone((440,), 0.02))))
        call.ticks()
    assert call.diary.audio[-1].max() > 10000


async def test_pressed_keys_are_on_the_wire_as_the_rfc_says(session, phone):
    call = Call(session, phone)
    call.ticks()
    call.leg.press("3")
    call.ticks(12)
    audio, *events = [phone.receives() for _ in range(11)]
    assert [p.payload_type for p in events] == [101] * 10
    assert {(p.timestamp - audio.timestamp) & 0xFFFFFFFF for p in events} == {160}
    assert [p.payload.hex() for p in events] == [
        *(f"030a{160 * n:04x}" for n in range(1, 8)),
        *["038a0500"] * 3,
    ]
    assert [p.marker for p in events] == [True, *[False] * 9]
    assert [(p.sequence - audio.sequence) & 0xFFFF for p in events] == list(range(1, 11))
    assert phone.receives().payload_type == 0


async def test_keys_of_the_phone_are_heard_once(session, phone):
    call = Call(session, phone)
    for digit, started in (("4", 1000), ("4", 5000)):
        for n in range(6):
            phone.sends(session, RtpPacket(101, n, started, 7, build_event(digit, 160 * n, n > 3), n == 0))
        call.ticks()
    assert call.diary.digits == "44"


async def test_garbage_and_strangers_are_counted_and_forgotten(session, phone):
    call = Call(session, phone)
    stranger = Phone()
    phone.sends(session, RtpPacket(0, 1, 160, 7, SILENCE[Codec.PCMU]))
    call.ticks()
    stranger.sends(session, b"", b"hello", RtpPacket(0, 2, 320, 9, b"\x00" * 160))
    phone.sends(session, RtpPacket(96, 2, 320, 7, b"what is this"))
    call.ticks(4)
    assert (session.statistics.received, session.statistics.refused) == (1, 3)
    assert max(int(samples.max()) for samples in call.diary.audio) == 0
    stranger.udp.close()


async def test_answers_go_to_where_a_phone_behind_nat_really_is(session, phone):
    behind_nat = Phone()
    call = Call(session, phone)
    for n in range(4):
        behind_nat.sends(session, RtpPacket(0, n, n * 160, 7, SILENCE[Codec.PCMU]))
    call.ticks()
    call.ticks()
    assert session.remote == behind_nat.address
    assert behind_nat.receives().payload == SILENCE[Codec.PCMU]
    behind_nat.udp.close()


async def test_early_media_is_not_heard_after_the_answer(session, phone):
    for n in range(30):
        phone.sends(session, RtpPacket(0, n, n * 160, 7, b"\x00" * 160))
    call = Call(session, phone)
    call.ticks(5)
    assert session.statistics.received == 0


async def test_a_hold_by_zero_address_sends_nothing(session, phone):
    call = Call(session, phone)
    session.connect(("0.0.0.0", 4000), payload_type=0, event_payload_type=None)
    call.ticks(3)
    assert session.statistics.sent == session.statistics.unsent == 0
    assert not session.events


async def test_a_host_name_is_refused_because_looking_it_up_would_stop_the_clock(session):
    with pytest.raises(ValueError, match="example"):
        session.connect(("phone.example", 4000), payload_type=0, event_payload_type=None)
    with pytest.raises(ValueError, match="70000"):
        session.connect((HOST, 70000), payload_type=0, event_payload_type=None)


async def test_a_closed_session_does_nothing_quietly(session, phone):
    call = Call(session, phone)
    session.close()
    call.ticks(2)
    assert session.statistics.sent == 0


def test_port_ranges_are_read_and_checked():
    assert PortRange.parse("20001-20006").free == 3
    for wrong in ("20000", "a-b", "5-5", "70000-70010"):
        with pytest.raises(ValueError, match=wrong):
            PortRange.parse(wrong)


def test_ports_are_used_in_turn_and_run_out():
    ports = PortRange(40000, 40003)
    first, second = ports.take(), ports.take()
    with pytest.raises(NoPortsLeft, match="40000-40003"):
        ports.take()
    ports.release(first)
    ports.release(second)
    assert (ports.take(), ports.take()) == (first, second)


async def test_an_encrypted_call_sends_hears_and_counts_only_what_proves_its_key(session, phone):
    ours, theirs = bytes(range(30)), bytes(range(30, 60))
    call = Call(session, phone)
    session.secure(SrtpKeys("AES_CM_128_HMAC_SHA1_80", ours, theirs))
    far = Srtp(SrtpKeys("AES_CM_128_HMAC_SHA1_80", theirs, ours))
    sound = encode(Codec.PCMU, tone((440,), 0.02))
    sealed = [far.seal(build(RtpPacket(0, n, n * 160, 7, sound))) for n in range(4)]
    phone.sends(session, sealed[0], sealed[1], sealed[1], sealed[2][:-1] + b"x", RtpPacket(0, 3, 480, 7, sound))
    call.ticks(4)
    assert session.suite == "AES_CM_128_HMAC_SHA1_80"
    assert (session.statistics.received, session.statistics.undecipherable) == (2, 3)
    assert max(int(samples.max()) for samples in call.diary.audio) > 10000
    packet = far.open(phone.udp.recv(2048))
    assert packet is not None
    assert packet[12:] == SILENCE[Codec.PCMU]


async def test_a_call_goes_from_clear_to_encrypted_and_back(session, phone):
    call = Call(session, phone)
    keys = SrtpKeys("AEAD_AES_128_GCM", bytes(28), bytes(range(28)))
    for each in (None, keys, None):
        session.secure(each)
        call.ticks()
    lengths = [len(phone.udp.recv(2048)) for _ in range(3)]
    assert lengths == [172, 188, 172]


async def test_opus_counts_at_its_own_clock_and_so_do_keys_beside_it(session, phone):
    call = Call(session, phone)
    call.ticks()
    before = phone.receives()
    numbers = {107: Codec.OPUS, 100: None}
    session.connect(
        phone.address,
        payload_type=111,
        event_payload_type=100,
        clock_rate=48_000,
        event_clock_rate=48_000,
        arriving=numbers,
    )
    call.leg.set_codec(Codec.OPUS)
    call.ticks(2)
    first, second = phone.receives(), phone.receives()
    assert (first.payload_type, second.timestamp - first.timestamp & 0xFFFFFFFF) == (111, 960)
    assert first.ssrc != before.ssrc, "another clock is another source"
    call.leg.press("4")
    call.ticks()
    key = phone.receives()
    assert (key.payload_type, key.payload[0], int.from_bytes(key.payload[2:])) == (100, 4, 960)
    assert key.timestamp - second.timestamp & 0xFFFFFFFF == 960


async def test_what_arrives_is_read_by_our_own_numbers(session, phone):
    call = Call(session, phone)
    session.connect(
        phone.address,
        payload_type=9,
        event_payload_type=101,
        arriving={9: Codec.G722, 97: Codec.G722, 101: None, 110: None},
    )
    call.leg.set_codec(Codec.G722)
    mouth = G722Mouth()
    packets = [mouth.encode(encode(Codec.G722, tone((440,), 0.02))) for _ in range(3)]
    phone.sends(session, *[RtpPacket(97, n, n * 160, 7, packet) for n, packet in enumerate(packets)])
    phone.sends(session, RtpPacket(110, 3, 480, 7, build_event("7", 160, end=True)), RtpPacket(98, 4, 480, 7, b"x"))
    call.ticks(4)
    assert call.diary.digits == "7"
    assert session.statistics.refused == 1
    assert max(int(samples.max()) for samples in call.diary.audio) > 8000


def control_socket() -> socket.socket:
    """The phone's RTCP socket, on a port of its own."""
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind((HOST, 0))
    udp.settimeout(2)
    return udp


async def test_reports_go_both_ways_beside_the_audio_and_end_with_a_goodbye(session, phone):
    udp = control_socket()
    call = Call(session, phone)
    session.connect(phone.address, payload_type=0, event_payload_type=101, rtcp_port=udp.getsockname()[1])
    for n in range(200):
        if n != 50:
            phone.sends(session, RtpPacket(0, n, n * 160, 7, SILENCE[Codec.PCMU]))
        call.ticks()
    (report, *_) = rtcp.parse(udp.recv(2048))
    assert isinstance(report, rtcp.Report)
    assert report.sender is not None
    assert report.sender.octets == 160 * report.sender.packets > 0
    (block,) = report.blocks
    assert (block.ssrc, block.lost) == (7, 1)
    ours = phone.receives().ssrc
    view = rtcp.ReportBlock(ours, 0, 3, 100, 80, rtcp.middle(report.sender.ntp), 0)
    udp.sendto(rtcp.build_report(rtcp.Report(7, None, (view,)), "phone"), (HOST, session.port + 1))
    call.ticks(50)
    assert (session.far_view.lost, session.far_view.heard, session.far_view.jitter) == (3, True, 80)
    assert session.far_view.round_trip_ms is not None
    session.close()
    while not isinstance(last := rtcp.parse(udp.recv(2048))[-1], rtcp.Goodbye):
        pass
    assert last.ssrcs == (ours,)
    udp.close()


async def test_reports_share_the_audios_port_when_both_want_it_encrypted_as_it_is(session, phone):
    ours, theirs = bytes(range(30)), bytes(range(30, 60))
    call = Call(session, phone)
    session.connect(phone.address, payload_type=0, event_payload_type=None, rtcp_mux=True)
    session.secure(SrtpKeys("AES_CM_128_HMAC_SHA1_80", ours, theirs))
    far = Srtp(SrtpKeys("AES_CM_128_HMAC_SHA1_80", theirs, ours))
    call.ticks(200)
    received = [phone.udp.recv(2048) for _ in range(201)]
    (sealed,) = [data for data in received if rtcp.is_rtcp(data)]
    opened = far.open_control(sealed)
    assert opened is not None
    (report, *_) = rtcp.parse(opened)
    assert isinstance(report, rtcp.Report)
    view = rtcp.ReportBlock(report.ssrc, 0, 5, 100, 0)
    plain = rtcp.build_report(rtcp.Report(7, None, (view,)), "phone")
    phone.sends(session, plain)
    call.ticks()
    assert session.far_view.reports == 0, "in clear it is nobody's"
    phone.sends(session, far.seal_control(plain))
    call.ticks()
    assert session.far_view.lost == 5


async def test_reports_of_strangers_are_not_believed(session, phone):
    call = Call(session, phone)
    call.ticks(5)
    ours = phone.receives().ssrc
    forged = rtcp.build_report(rtcp.Report(7, None, (rtcp.ReportBlock(ours, 255, 99, 1, 0),)), "x")
    stranger = Phone()
    stranger.sends(session, forged)
    call.ticks()
    assert session.far_view.reports == 0
    assert session.statistics.refused == 1
    stranger.udp.close()


async def test_a_call_on_hold_keeps_its_way_through_the_nat_open(session, phone):
    call = Call(session, phone)
    call.leg.held = True
    call.ticks(1500)
    assert [phone.udp.recv(2048) for _ in range(2)] == [b"", b""]
    phone.udp.setblocking(False)
    with pytest.raises(BlockingIOError):
        phone.udp.recv(2048)


async def test_comfort_noise_is_heard_as_the_sound_of_a_pause(session, phone):
    call = Call(session, phone)
    phone.sends(session, RtpPacket(0, 1, 160, 7, encode(Codec.PCMU, tone((440,), 0.02))))
    phone.sends(session, RtpPacket(13, 2, 320, 7, b"\x28"))
    call.ticks(6)
    last = call.diary.audio[-1].astype(float)
    assert 200 < last.std() < 500
    assert call.leg.silent_for_s < 0.2
