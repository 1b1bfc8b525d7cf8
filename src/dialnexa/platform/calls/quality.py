"""How good the audio of a call was: the wire shape of the figures that the worker reports at its end."""

from __future__ import annotations

from pydantic import BaseModel, Field


class HeardOut(BaseModel):
    """The far end's audio, as it reached us."""

    packets: int = Field(description="RTP packets that arrived, each counted once.")
    lost: int = Field(description="Packets that never came, told from sequence numbers; reordering is no loss.")
    duplicates: int
    late: int = Field(description="Packets that came too late to be played.")
    jitter_ms: float = Field(description="Mean of the estimate of RFC 3550, A.8.")
    worst_jitter_ms: float
    concealed_ms: int = Field(description="Audio that was missing when it was to be heard, and made up instead.")
    undecipherable: int = Field(description="SRTP packets under a wrong key, tampered with or replayed.")
    mos: float | None = Field(
        description="Estimated opinion, 1 to 4.4 (E-model, ITU-T G.107); null: too short to tell."
    )


class SentOut(BaseModel):
    """Our audio, as it left, and as the far end reported it (RTCP); null where it reported nothing."""

    packets: int
    unsent: int = Field(description="Packets that this machine's network would not take.")
    gaps: int = Field(description="Pauses of more than 60 ms between two packets: this machine stalled.")
    longest_gap_ms: int
    arrived: bool | None = Field(description="Whether the far end heard any of it.")
    lost: int | None
    jitter_ms: float | None
    mos: float | None


class MediaQualityOut(BaseModel):
    """How good the audio of a call was, each way."""

    codec: str
    encryption: str = Field(description="SRTP suite, such as `AES_CM_128_HMAC_SHA1_80`; empty: in clear.")
    round_trip_ms: float | None = Field(description="Shortest round trip by RTCP; null: the far end sent no reports.")
    heard: HeardOut
    sent: SentOut
