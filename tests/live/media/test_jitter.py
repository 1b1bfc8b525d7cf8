"""The jitter buffer: whatever comes in, one frame per tick goes out."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from dialnexa.live.media.jitter import CUSHION, JitterBuffer


def frame(number: int) -> bytes:
    return bytes([number % 251]) * 160


def play(buffer: JitterBuffer, arrivals: list[list[int]], base: int = 5000) -> list[int | None]:
    """Let the numbered frames arrive before each tick; return the number each tick played."""
    played: list[int | None] = []
    for numbers in arrivals:
        for number in numbers:
            buffer.push(frame(number), (base + number * 160) & 0xFFFFFFFF)
        out = buffer.pop()
        played.append(None if out is None else out[0])
    return played


def test_a_steady_stream_plays_after_the_cushion():
    assert play(JitterBuffer(0xFF), [[n] for n in range(5)]) == [None, 0, 1, 2, 3]
    assert CUSHION == 1


def test_reordered_and_doubled_packets_play_once_and_in_order():
    assert play(JitterBuffer(0xFF), [[0], [2, 1], [2], [4, 3], [5], []]) == [None, 0, 1, 2, 3, 4]


def test_a_lost_packet_is_one_missing_frame():
    assert play(JitterBuffer(0xFF), [[0], [1], [], [3], [4], [5]]) == [None, 0, 1, None, 3, 4]


def test_the_timestamp_may_wrap():
    assert play(JitterBuffer(0xFF), [[n] for n in range(6)], base=2**32 - 400) == [None, 0, 1, 2, 3, 4]


def test_a_stream_that_turned_late_is_caught_up_with_instead_of_lost_forever():
    buffer = JitterBuffer(0xFF)
    on_time = [[n] for n in range(20)]
    after_a_hole_of_80_ms = [[], [], [], [], *([n] for n in range(20, 40))]
    played = play(buffer, on_time + after_a_hole_of_80_ms)
    assert played[-10:] == list(range(29, 39))
    assert buffer.late <= 1


def test_a_burst_after_a_stall_does_not_leave_its_delay_behind():
    buffer = JitterBuffer(0xFF)
    play(buffer, [[n] for n in range(20)])
    played = play(buffer, [[]] * 40 + [list(range(20, 60))] + [[n] for n in range(60, 500)])
    assert played[-1] is not None
    assert (499 - played[-1]) % 251 <= 2
    assert len(buffer) <= 2


def test_our_own_stall_loses_nothing_when_the_socket_kept_the_packets():
    buffer = JitterBuffer(0xFF)
    played = play(buffer, [[n] for n in range(20)] + [list(range(20, 60))] + [[]] * 39)
    assert played == [None, *range(59)]


def test_a_far_clock_that_runs_fast_is_followed():
    buffer = JitterBuffer(0xFF)
    number = 0
    for tick in range(6000):
        for _ in range(2 if tick % 100 == 0 else 1):
            buffer.push(frame(number), number * 160)
            number += 1
        buffer.pop()
    assert len(buffer) <= 6


def test_a_new_source_starts_a_new_timeline():
    buffer = JitterBuffer(0xFF)
    for n in range(5):
        buffer.push(frame(n), n * 160, ssrc=1)
        buffer.pop()
    out: list[bytes | None] = []
    for n in range(100, 104):
        buffer.push(frame(n), 77_000_000 + n * 160, ssrc=2)
        out.append(buffer.pop())
    assert out == [None, frame(100), frame(101), frame(102)]


def test_a_timestamp_jump_costs_one_packet():
    buffer = JitterBuffer(0xFF)
    play(buffer, [[n] for n in range(30)])
    played = play(buffer, [[n] for n in range(30, 40)], base=900_000_000)
    assert played == [29, None, *range(31, 39)]
    assert buffer.late == 1


def test_silence_suppression_leaves_a_hole_of_the_right_length():
    played = play(JitterBuffer(0xFF), [[0], [1], *([] for _ in range(30)), [32], [33], [34]])
    assert played == [None, 0, 1, *([None] * 30), 32, 33]


def test_a_timestamp_that_ran_ahead_during_a_pause_brings_no_delay():
    buffer = JitterBuffer(0xFF)
    play(buffer, [[n] for n in range(10)])
    play(buffer, [[]] * 20)
    assert play(buffer, [[n] for n in range(90, 95)]) == [None, *range(90, 94)]


def test_a_timestamp_that_jumps_ahead_in_mid_speech_costs_a_tenth_of_a_second():
    buffer = JitterBuffer(0xFF)
    play(buffer, [[n] for n in range(10)])
    assert play(buffer, [[n] for n in range(90, 100)]) == [9, *[None] * 5, 90, 91, 92, 93]


def packets_of(size: int, count: int) -> list[tuple[bytes, int]]:
    stream = b"".join(frame(n) for n in range(count * size // 160 + 1))
    return [(stream[n * size : (n + 1) * size], n * size) for n in range(count)]


def play_packets(size: int, per_ticks: int, seconds_of_ticks: int) -> list[int | None]:
    buffer, played = JitterBuffer(0xFF), []
    packets = iter(packets_of(size, 400))
    due = 0.0
    for _ in range(seconds_of_ticks):
        while due < 1:
            buffer.push(*next(packets))
            due += per_ticks / 2
        due -= 1
        out = buffer.pop()
        assert out is None or len(set(out)) == 1
        played.append(out and out[0])
    return played


def test_packets_of_10_30_40_and_60_ms_are_cut_into_frames():
    for size, half_ticks in ((80, 1), (240, 3), (320, 4), (480, 6)):
        assert play_packets(size, half_ticks, 20) == [None, *range(19)], size


def test_a_stream_that_starts_off_the_grid_is_moved_onto_it():
    buffer = JitterBuffer(0xFF)
    play(buffer, [[n] for n in range(5)])
    play(buffer, [[]] * 20)
    for n in range(3):
        buffer.push(frame(n), 5000 + 25 * 160 + 37 + n * 160)
    assert [buffer.pop() for _ in range(4)][-2:] in ([frame(1), frame(2)], [frame(2), None])


def test_unusable_packets_are_ignored():
    buffer = JitterBuffer(0xFF)
    buffer.push(b"", 0)
    buffer.push(b"x" * 5000, 0)
    assert len(buffer) == 0
    assert buffer.pop() is None


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.one_of(st.integers(0, 2**32 - 1), st.integers(0, 50).map(lambda n: n * 160)),
            st.integers(0, 1500),
            st.integers(0, 2),
            st.integers(0, 3),
        ),
        max_size=120,
    )
)
def test_after_any_nonsense_a_steady_stream_is_heard_within_a_second(chaos):
    buffer = JitterBuffer(0xFF)
    for timestamp, size, ssrc, ticks in chaos:
        buffer.push(b"\x55" * size, timestamp, ssrc)
        for _ in range(ticks):
            out = buffer.pop()
            assert out is None or len(out) == 160
    played = play(buffer, [[n] for n in range(60)], base=123_456)
    assert None not in played[-10:]
    assert len(buffer) <= 110
    assert played[-1] is not None


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["arrives", "is lost", "arrives twice", "swaps with the next"]), min_size=1, max_size=60)
)
def test_any_loss_and_any_order_still_play_what_arrived_in_order(fates):
    arrivals: list[list[int]] = [[0]]
    carried: list[int] = []
    for number, fate in enumerate(fates, start=1):
        now = carried + {"arrives": [number], "is lost": [], "arrives twice": [number] * 2}.get(fate, [])
        carried = [number] if fate == "swaps with the next" else []
        arrivals.append(now)
    arrivals.append(carried)
    played = play(JitterBuffer(0xFF), arrivals)
    heard = [number for number in played if number is not None]
    assert heard == sorted(set(heard))
    assert len(played) == len(arrivals)
