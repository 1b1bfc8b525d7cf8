from __future__ import annotations

import pytest
from tests.live.sip.wire import SDP

from dialnexa.live.sip.messages.sdp import (
    DEFAULT_CODECS,
    G722,
    OPUS,
    PCMA,
    PCMU,
    TELEPHONE_EVENT,
    WIDE_EVENT,
    Codec,
    Direction,
    NoCommonCodec,
    NotAcceptable,
    SdpError,
    codecs_named,
    make_answer,
    make_offer,
    narrowed,
    parse_sdp,
)

OPUS_LINES = "a=rtpmap:96 opus/48000/2\na=fmtp:96 stereo=1\na=rtpmap:97 telephone-event/48000\n"


def read(text: str = SDP, *changes: tuple[str, str]) -> bytes:
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text.replace("\n", "\r\n").encode()


class TestParse:
    def test_reads_audio(self) -> None:
        offer = parse_sdp(read())
        assert (offer.address, offer.port, offer.direction) == ("10.0.0.9", 30000, Direction.SENDRECV)
        assert [codec.name for codec in offer.codecs] == ["PCMU", "PCMA", "telephone-event"]
        assert offer.telephone_event == Codec(101, "telephone-event", fmtp="0-15")
        assert (offer.session_id, offer.version, offer.ptime) == (7, 7, None)

    def test_the_stream_overrules_the_session(self) -> None:
        text = SDP.replace("t=0 0\n", "a=sendonly\nt=0 0\n") + "c=IN IP4 10.0.0.77\na=inactive\na=ptime:30\n"
        offer = parse_sdp(read(text))
        assert (offer.address, offer.direction, offer.ptime) == ("10.0.0.77", Direction.INACTIVE, 30)

    @pytest.mark.parametrize(
        ("change", "held"),
        [
            (("a=fmtp", "a=sendonly\na=fmtp"), True),
            (("a=fmtp", "a=inactive\na=fmtp"), True),
            (("a=fmtp", "a=recvonly\na=fmtp"), False),
            (("c=IN IP4 10.0.0.9", "c=IN IP4 0.0.0.0"), True),
        ],
    )
    def test_knows_a_hold(self, change: tuple[str, str], held: bool) -> None:
        assert parse_sdp(read(SDP, change)).on_hold is held

    @pytest.mark.parametrize("own_codec", ["97 98 0", "0 97 98"])
    def test_leaves_out_formats_without_a_meaning(self, own_codec: str) -> None:
        offer = parse_sdp(read(SDP, ("0 8 101", own_codec)))
        assert offer.codecs == (PCMU,)

    def test_bare_line_feeds_will_do(self) -> None:
        assert parse_sdp(SDP.encode()) == parse_sdp(read())

    @pytest.mark.parametrize(
        ("old", "new", "words"),
        [
            ("v=0", "v=1", "v=0"),
            ("c=IN IP4 10.0.0.9\n", "", "connection"),
            ("c=IN IP4 10.0.0.9", "c=IN IP6 10.0.0.9", "family"),
            ("c=IN IP4 10.0.0.9", "c=IN ATM 10.0.0.9", "internet"),
            ("m=audio 30000", "m=audio 99999", "port"),
            ("m=audio 30000", "m=audio -1", "port"),
            ("RTP/AVP 0 8 101", "RTP/AVP", "media line"),
            ("RTP/AVP 0 8 101", "RTP/AVP 0 x 200", "payload type"),
            ("telephone-event/8000", "telephone-event/soon", "rtpmap"),
            ("s=-", "session", "description line"),
            ("m=audio 30000 RTP/AVP 0 8 101\n", "", "no stream"),
        ],
    )
    def test_refuses_nonsense(self, old: str, new: str, words: str) -> None:
        with pytest.raises(SdpError, match=words) as refused:
            parse_sdp(read(SDP, (old, new)))
        assert not isinstance(refused.value, NotAcceptable)

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("IP4 10.0.0.9\nt", "IP4 224.1.2.3\nt"),
            ("IP4 10.0.0.9\nt", "IP4 255.255.255.255\nt"),
            ("IP4 10.0.0.9\nt", "IP4 media.example\nt"),
            ("m=audio 30000 RTP/AVP 0 8 101", "m=video 30000 RTP/AVP 96"),
        ],
    )
    def test_will_not_do_what_is_well_formed(self, old: str, new: str) -> None:
        with pytest.raises(NotAcceptable):
            parse_sdp(read(SDP, (old, new)))


class TestNames:
    def test_a_trunk_names_codecs_in_its_order(self) -> None:
        assert codecs_named(()) == DEFAULT_CODECS
        assert codecs_named(("G722", "pcma", "G722")) == (G722, PCMA, TELEPHONE_EVENT)
        assert codecs_named(["opus"]) == (OPUS, TELEPHONE_EVENT, WIDE_EVENT)

    @pytest.mark.parametrize("name", ["G729", "CN", ""])
    def test_names_we_do_not_speak_are_refused_with_those_we_do(self, name: str) -> None:
        with pytest.raises(ValueError, match=f"{name} is not spoken here; choose from PCMU, PCMA, G722, OPUS"):
            codecs_named(["PCMU", name])


class TestOffer:
    def test_is_written_exactly(self) -> None:
        offer = make_offer("10.0.0.1", 4000)
        assert offer.encode().decode().split("\r\n") == [
            "v=0",
            f"o=dialnexa {offer.session_id} 1 IN IP4 10.0.0.1",
            "s=-",
            "c=IN IP4 10.0.0.1",
            "t=0 0",
            "m=audio 4000 RTP/AVP 0 8 9 107 101 100",
            "a=rtpmap:0 PCMU/8000",
            "a=rtpmap:8 PCMA/8000",
            "a=rtpmap:9 G722/8000",
            "a=rtpmap:107 opus/48000/2",
            "a=fmtp:107 maxplaybackrate=8000;sprop-maxcapturerate=8000;useinbandfec=1",
            "a=rtpmap:101 telephone-event/8000",
            "a=fmtp:101 0-15",
            "a=rtpmap:100 telephone-event/48000",
            "a=fmtp:100 0-15",
            "a=ptime:20",
            "a=rtcp-mux",
            "a=sendrecv",
            "",
        ]
        assert parse_sdp(offer.encode()) == offer

    def test_ipv6(self) -> None:
        assert parse_sdp(make_offer("2001:db8::1", 4000).encode()).address == "2001:db8::1"


class TestAnswer:
    def test_takes_the_callers_first_choice_under_the_callers_numbers(self) -> None:
        text = SDP.replace("0 8 101", "18 8 0 96").replace("101", "96")
        answer = make_answer(parse_sdp(read(text)), "10.0.0.1", 4000)
        assert [(codec.payload_type, codec.name) for codec in answer.codecs] == [(8, "PCMA"), (96, "telephone-event")]
        assert answer.audio == PCMA

    def test_mirrors_a_hold_and_counts_on(self) -> None:
        offer = parse_sdp(read())
        first = make_answer(offer, "10.0.0.1", 4000)
        second = make_answer(parse_sdp(read(SDP, ("a=fmtp", "a=sendonly\na=fmtp"))), "10.0.0.1", 4000, previous=first)
        assert second.direction is Direction.RECVONLY
        assert (second.session_id, second.version) == (first.session_id, 2)

    def test_declines_the_other_streams_in_their_places(self) -> None:
        text = SDP.replace("m=audio", "m=image 6000 udptl t38\nm=audio") + "m=video 5000 RTP/AVP 96 97\n"
        answer = make_answer(parse_sdp(read(text)), "10.0.0.1", 4000).encode().decode()
        streams = [line for line in answer.split("\r\n") if line.startswith("m=")]
        assert streams == ["m=image 0 udptl t38", "m=audio 4000 RTP/AVP 0 101", "m=video 0 RTP/AVP 96 97"]

    @pytest.mark.parametrize(
        "change", [("0 8 101", "18 3"), ("RTP/AVP", "RTP/SAVP"), ("audio 30000", "audio 0"), ("0 8 101", "101")]
    )
    def test_nothing_in_common(self, change: tuple[str, str]) -> None:
        offer = parse_sdp(read(SDP, change))
        with pytest.raises(NoCommonCodec):
            make_answer(offer, "10.0.0.1", 4000)

    def test_opus_is_answered_with_our_own_parameters_and_keys_at_its_clock(self) -> None:
        text = SDP.replace("0 8 101", "96 0 101 97").replace("a=fmtp", f"{OPUS_LINES}a=fmtp")
        answer = make_answer(parse_sdp(read(text)), "10.0.0.1", 4000)
        assert [(codec.payload_type, codec.name, codec.rate) for codec in answer.codecs] == [
            (96, "opus", 48_000),
            (97, "telephone-event", 48_000),
        ]
        assert answer.audio is not None
        assert answer.audio.fmtp == OPUS.fmtp
        assert "a=rtpmap:96 opus/48000/2" in answer.encode().decode()

    def test_keys_at_the_telephones_clock_will_do_beside_opus(self) -> None:
        text = SDP.replace("0 8 101", "96 0 101").replace("a=fmtp", f"{OPUS_LINES}a=fmtp")
        offer = parse_sdp(read(text))
        answer = make_answer(offer, "10.0.0.1", 4000)
        assert answer.telephone_event == TELEPHONE_EVENT
        assert narrowed(offer, answer).telephone_event == TELEPHONE_EVENT

    def test_g722_goes_by_its_static_number_and_clock(self) -> None:
        answer = make_answer(parse_sdp(read(SDP, ("0 8 101", "9 0 101"))), "10.0.0.1", 4000)
        assert answer.codecs == (G722, TELEPHONE_EVENT)

    def test_a_trunk_may_choose_itself(self) -> None:
        offer = parse_sdp(read(SDP, ("0 8 101", "9 0 8 101")))
        codecs = codecs_named(("pcma", "PCMU"))
        assert make_answer(offer, "10.0.0.1", 4000, codecs=codecs, ours_first=True).audio == PCMA
        assert make_answer(offer, "10.0.0.1", 4000, codecs=codecs).audio == PCMU
        with pytest.raises(NoCommonCodec, match="opus"):
            make_answer(offer, "10.0.0.1", 4000, codecs=codecs_named(("opus",)), ours_first=True)

    def test_nobody_is_invited_to_cut_pauses_out(self) -> None:
        answer = make_answer(parse_sdp(read(SDP, ("0 8 101", "13 0 8 101"))), "10.0.0.1", 4000)
        assert answer.codecs == (PCMU, TELEPHONE_EVENT)

    def test_narrowed_leaves_what_both_speak(self) -> None:
        offer = parse_sdp(read(SDP, ("0 8 101", "3 18 8 0")))
        answer = make_answer(offer, "10.0.0.1", 4000)
        assert narrowed(offer, answer).audio == PCMA
