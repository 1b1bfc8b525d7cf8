"""What a call used, component by component: the ground of its cost, kept with the call."""

from __future__ import annotations

from pydantic import BaseModel, Field


class Tokens(BaseModel):
    """What a language model was asked and answered."""

    model: str = ""
    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    estimated: bool = Field(
        default=False, description="Whether the endpoint told no token counts, so that they are guessed from lengths."
    )


class Leg(BaseModel):
    """Somebody else who was called for the call, and answered."""

    to: str = Field(description="Whom: E.164 or a SIP address.")
    seconds: float = Field(default=0, description="From the answer to the end.")


class Usage(BaseModel):
    """What a call used. Everything is measured, except tokens of endpoints that do not tell them."""

    talk_seconds: float = Field(default=0, description="From the answer to the end.")
    stt: str = Field(default="", description="The recogniser.")
    stt_seconds: float = Field(default=0, description="Audio that was sent to it.")
    stt_fallback: str = Field(default="", description="The recogniser that stepped in for it.")
    stt_fallback_seconds: float = Field(default=0, description="Audio that was sent to that one.")
    tts: str = Field(default="", description="The voice.")
    tts_characters: int = Field(default=0, description="Characters that were given to it to speak.")
    llm: Tokens = Field(default_factory=Tokens)
    legs: list[Leg] = Field(
        default_factory=list[Leg], description="People the caller was handed to over a further call out of ours."
    )
    recording_seconds: float = 0
    analysis: Tokens = Field(default_factory=Tokens, description="What the post-call analysis used.")
