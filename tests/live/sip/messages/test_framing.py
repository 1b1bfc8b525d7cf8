"""Messages out of a stream, however it is cut into segments."""

from __future__ import annotations

import pytest

from dialnexa.live.sip.messages.framing import PING, FramingError, StreamFramer

ONE = b"OPTIONS sip:a SIP/2.0\r\nContent-Length: 4\r\n\r\nbody"
TWO = b"BYE sip:a SIP/2.0\r\nl:0\r\n\r\n"


class TestStreamFramer:
    def test_two_messages_in_one_segment(self) -> None:
        assert StreamFramer().feed(ONE + TWO) == [ONE, TWO]

    def test_every_byte_alone(self) -> None:
        framer, found = StreamFramer(), list[bytes]()
        for byte in ONE + PING + TWO + b"\r\n" + ONE:
            found += framer.feed(bytes([byte]))
        assert found == [ONE, PING, TWO, ONE]
        assert not framer.is_waiting

    def test_knows_when_the_rest_is_missing(self) -> None:
        framer = StreamFramer()
        framer.feed(ONE[:-1])
        assert framer.is_waiting

    def test_the_answer_to_a_keep_alive_is_nothing(self) -> None:
        assert StreamFramer().feed(b"\r\n") == []

    def test_a_folded_length_is_found_and_one_inside_the_body_is_not(self) -> None:
        message = b"A\r\nContent-Length:\r\n 23\r\n\r\nx\r\nContent-Length: 99\r\n"
        assert StreamFramer().feed(message + b"\r\n\r\n") == [message, PING]

    @pytest.mark.parametrize(
        "stream",
        [
            b"OPTIONS sip:a SIP/2.0\r\n\r\n",
            b"A\r\nContent-Length: 1\r\nl: 2\r\n\r\n",
            b"A\r\nContent-Length: -1\r\n\r\n",
            b"A\r\nContent-Length: 65536\r\n\r\n",
            b"A" * 70_000,
        ],
    )
    def test_what_cannot_be_cut_ends_the_stream(self, stream: bytes) -> None:
        with pytest.raises(FramingError):
            StreamFramer().feed(stream)
