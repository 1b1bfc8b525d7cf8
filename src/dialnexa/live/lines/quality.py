"""How good a call's audio was: from what its RTP session counted, what RTCP told, and what its leg made up."""

from __future__ import annotations

from dialnexa.live.line import FRAME_S
from dialnexa.live.media.leg import Leg
from dialnexa.live.media.quality import estimate
from dialnexa.live.outcome import HeardAudio, MediaQuality, SentAudio
from dialnexa.live.rtp.session import RtpSession


def quality_of(rtp: RtpSession, leg: Leg) -> MediaQuality:
    """Return the figures as they stand now."""
    round_trip_ms = rtp.far_view.round_trip_ms
    return MediaQuality(
        codec=leg.codec.name,
        encryption=rtp.suite,
        round_trip_ms=None if round_trip_ms is None else round(round_trip_ms, 1),
        heard=_heard(rtp, leg, round_trip_ms),
        sent=_sent(rtp, round_trip_ms),
    )


def _heard(rtp: RtpSession, leg: Leg, round_trip_ms: float | None) -> HeardAudio:
    reception = rtp.reception
    return HeardAudio(
        packets=reception.received,
        lost=reception.lost,
        duplicates=reception.duplicates,
        late=leg.late,
        jitter_ms=round(reception.jitter_ms, 1),
        worst_jitter_ms=round(reception.worst_jitter_ms, 1),
        concealed_ms=round(leg.concealed * FRAME_S * 1000),
        undecipherable=rtp.statistics.undecipherable,
        mos=estimate(reception.received + reception.lost, reception.lost + leg.late, round_trip_ms),
    )


def _sent(rtp: RtpSession, round_trip_ms: float | None) -> SentAudio:
    counted, view = rtp.statistics, rtp.far_view
    told = view.reports > 0 or view.silent_reports > 0
    return SentAudio(
        packets=counted.sent,
        unsent=counted.unsent,
        gaps=counted.gaps,
        longest_gap_ms=round(counted.longest_gap_s * 1000),
        arrived=view.heard if told else None,
        lost=view.lost,
        jitter_ms=None if view.jitter is None else round(view.jitter * 1000 / rtp.reception.clock_rate, 1),
        mos=None if view.lost is None else estimate(counted.sent, view.lost, round_trip_ms),
    )
