"""How a call's audio sounded: the E-model's estimate, and sentences for what was wrong (ITU-T G.107, G.113).

The E-model is taken in its short form: delay and loss are what a packet network adds, all else stands at its default.
"""

from __future__ import annotations

from dialnexa.live.outcome import MediaQuality

GOOD_MOS = 3.6
"""Below it many users are dissatisfied (G.107, annex B: R = 70)."""
ENOUGH = 100
"""Packets (2 s) below which nothing is judged."""
_BASE = 93.2
_ENDS_MS = 60
"""What both ends add to the way through the network: 20 ms to fill a packet, 40 ms of jitter buffer."""
_NOTICED_MS = 177.3
"""One-way delay from which both begin to talk over each other."""
_ROBUSTNESS = 25.1
"""Loss robustness of G.711 with concealment (G.113, table I.4); G.722 and Opus have no value on this scale there."""
_STALL_MS = 500


def mos(loss_share: float, mouth_to_ear_ms: float) -> float:
    """Return the estimated opinion, 1 to 4.4, for a share of audio lost and a delay."""
    loss = 100 * min(1.0, max(0.0, loss_share))
    impaired = 95 * loss / (loss + _ROBUSTNESS)
    delayed = 0.024 * mouth_to_ear_ms + max(0.0, 0.11 * (mouth_to_ear_ms - _NOTICED_MS))
    rating = min(100.0, max(0.0, _BASE - delayed - impaired))
    return round(max(1.0, 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6), 2)


def estimate(expected: int, lost: int, round_trip_ms: float | None) -> float | None:
    """Return the opinion for one direction, or ``None`` when too few packets were expected to tell."""
    if expected < ENOUGH:
        return None
    return mos(lost / expected, (round_trip_ms or 0.0) / 2 + _ENDS_MS)


def complaints(quality: MediaQuality) -> tuple[str, ...]:
    """Return a sentence, with its fix, for each thing that made the call sound bad; nothing for a good one."""
    return tuple(filter(None, (_heard(quality), _sent(quality), _stalled(quality))))


def _heard(quality: MediaQuality) -> str:
    heard, sent = quality.heard, quality.sent
    if not heard.packets and heard.undecipherable:
        return (
            f"Nothing of the far end was heard: its {heard.undecipherable} packets did not open with the agreed keys. "
            "Compare both sides' SRTP settings; with the trunk's encryption at never you see whether it is that."
        )
    if not heard.packets and sent.packets >= ENOUGH:
        return (
            "Nothing of the far end was heard: none of its audio packets arrived. Open the UDP ports of "
            "DIALNEXA_RTP_PORTS in the firewall, and behind NAT set DIALNEXA_SIP_PUBLIC_HOST to the public address."
        )
    if heard.mos is not None and heard.mos < GOOD_MOS:
        expected = heard.packets + heard.lost
        return (
            f"The far end was heard badly (MOS {heard.mos:.1f}): {100 * heard.lost / expected:.1f} % of its packets "
            f"were lost, {100 * heard.late / expected:.1f} % late, jitter {heard.jitter_ms:.0f} ms{_delay(quality)}. "
            "Look at the network between it and this machine."
        )
    return ""


def _sent(quality: MediaQuality) -> str:
    sent = quality.sent
    if sent.packets < ENOUGH:
        return ""
    if sent.arrived is False:
        return (
            "The far end reports that nothing of our audio arrived. Let this machine send UDP to it, and behind NAT "
            "set DIALNEXA_SIP_PUBLIC_HOST to the public address."
        )
    if sent.mos is not None and sent.mos < GOOD_MOS:
        return (
            f"The far end heard us badly (MOS {sent.mos:.1f}): it reports {100 * (sent.lost or 0) / sent.packets:.1f} "
            f"% of our packets lost, jitter {sent.jitter_ms or 0:.0f} ms{_delay(quality)}. "
            "Look at the network between this machine and it."
        )
    return ""


def _stalled(quality: MediaQuality) -> str:
    sent = quality.sent
    if sent.longest_gap_ms < _STALL_MS:
        return ""
    return (
        f"This machine stalled: our audio paused {sent.gaps} times, up to {sent.longest_gap_ms} ms. "
        "Lower DIALNEXA_CAPACITY, or give the worker a core of its own."
    )


def _delay(quality: MediaQuality) -> str:
    return "" if quality.round_trip_ms is None else f", round trip {quality.round_trip_ms:.0f} ms"
