"""Keys as telephone-events (RFC 4733)."""

from hypothesis import given, settings
from hypothesis import strategies as st

from dialnexa.live.rtp.event import KeyReceiver, build


def press(receiver: KeyReceiver, digit: str, timestamp: int, packets: int = 8, ssrc: int = 1) -> list[str]:
    reported = [
        receiver.feed(build(digit, 160 * min(n + 1, 6), n >= 5), timestamp & 0xFFFFFFFF, ssrc) for n in range(packets)
    ]
    return [digit for digit in reported if digit]


def test_the_bytes_on_the_wire():
    assert build("1", 160, end=False).hex() == "010a00a0"
    assert build("#", 1280, end=True).hex() == "0b8a0500"
    assert build("D", 70000, end=True).hex() == "0f8affff"


def test_a_key_is_reported_once_however_often_it_is_sent():
    assert press(KeyReceiver(), "5", 1000) == ["5"]


def test_the_same_key_again_is_another_press():
    receiver = KeyReceiver()
    assert press(receiver, "5", 1000) + press(receiver, "5", 4000) + press(receiver, "6", 8000) == ["5", "5", "6"]


def test_only_the_end_packets_survive_and_the_key_still_counts():
    assert KeyReceiver().feed(build("9", 1280, end=True), 77) == "9"


def test_late_packets_of_an_older_press_are_known():
    receiver = KeyReceiver()
    press(receiver, "1", 1000)
    press(receiver, "2", 4000)
    assert receiver.feed(build("1", 960, end=True), 1000, ssrc=1) is None


def test_a_phone_whose_timestamps_began_anew_is_still_heard():
    receiver = KeyReceiver()
    assert press(receiver, "1", 900_000_000) + press(receiver, "2", 1000) == ["1", "2"]


def test_the_timestamp_wraps():
    receiver = KeyReceiver()
    assert press(receiver, "1", 2**32 - 100) + press(receiver, "1", 2**32 + 3000) == ["1", "1"]


def test_a_new_source_starts_anew():
    receiver = KeyReceiver()
    assert press(receiver, "1", 9_000_000, ssrc=1) + press(receiver, "1", 10, ssrc=2) == ["1", "1"]


@settings(deadline=None)
@given(st.binary(max_size=8), st.integers(0, 2**32 - 1))
def test_garbage_is_no_key(payload, timestamp):
    digit = KeyReceiver().feed(payload, timestamp)
    assert (digit is None) == (len(payload) < 4 or payload[0] > 15)


def test_a_press_longer_than_an_event_can_last_is_one_press():
    for clock_rate, longest in ((8000, 0xFFFF), (48000, 0xFFFF), (8000, 65440)):
        receiver = KeyReceiver(clock_rate)
        heard = [receiver.feed(build("5", duration, end=False), 1000) for duration in (160, 40_000, longest)]
        heard += [receiver.feed(build("5", duration, end=False), 1000 + longest) for duration in (160, 320)]
        heard += [receiver.feed(build("5", 480, end=True), 1000 + longest)]
        assert [digit for digit in heard if digit] == ["5"]


def test_the_same_key_again_after_a_long_press_whose_end_was_heard_is_a_second_press():
    receiver = KeyReceiver()
    heard = [receiver.feed(build("5", 65_000, end=True), 1000), receiver.feed(build("5", 160, end=False), 66_535)]
    assert heard == ["5", "5"]


def test_a_hook_flash_is_no_key():
    assert KeyReceiver().feed(b"\x10\x0a\x00\xa0", 1000) is None


def test_presses_of_two_streams_that_interleave_are_heard_once_each():
    receiver = KeyReceiver()
    heard = [receiver.feed(build("#", 480, end=False), 1000, 1), receiver.feed(build("4", 160, end=False), 9000, 2)]
    for duration in (640, 800, 960):
        heard += [receiver.feed(build("#", duration, end=True), 1000, 1)]
        heard += [receiver.feed(build("4", duration, end=duration > 900), 9000, 2)]
    assert [digit for digit in heard if digit] == ["#", "4"]


def test_of_a_flood_of_streams_few_are_remembered():
    receiver = KeyReceiver()
    assert all(receiver.feed(build("1", 160, end=False), 1000, ssrc) == "1" for ssrc in range(100))
    assert len(receiver._sources) == 4
