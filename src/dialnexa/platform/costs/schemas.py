"""Wire shapes of costs: price lists, and what calls cost."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, field_validator, model_validator

from dialnexa.kit.clock import iso
from dialnexa.platform.costs.models import PriceList
from dialnexa.platform.wire import Body

Component = Literal["telephony", "stt", "tts", "llm", "analysis", "recording", "platform"]
Charged = Component | Literal["transfer"]
"""What a call is charged for; a transfer's further leg is priced as telephony is, by what it is."""
_MOST = 1_000_000

Price = Annotated[Decimal, Field(ge=0, le=_MOST, max_digits=16, decimal_places=9)]
_ALLOWED: dict[str, frozenset[str]] = {
    "telephony": frozenset({"per_minute", "per_call"}),
    "stt": frozenset({"per_minute"}),
    "tts": frozenset({"per_1000_characters"}),
    "llm": frozenset({"per_million_input_tokens", "per_million_output_tokens"}),
    "analysis": frozenset({"per_million_input_tokens", "per_million_output_tokens", "per_call"}),
    "recording": frozenset({"per_minute"}),
    "platform": frozenset({"per_minute", "per_call"}),
}
"""Component → the prices it may have."""
_PRICES = sorted(set[str]().union(*_ALLOWED.values()))


class Rate(Body):
    """One price. Of several that fit a call the most specific counts: the longest prefix, the exact name."""

    component: Component
    direction: Literal["inbound", "outbound"] | None = Field(default=None, description="Telephony; default: both.")
    prefix: Annotated[str, Field(pattern=r"^\+[1-9]\d{0,14}$")] | None = Field(
        default=None, description="Telephony: numbers of the other side that begin with this; default: all."
    )
    name: Annotated[str, Field(min_length=1, max_length=255)] | None = Field(
        default=None, description="Recogniser, voice or model; `openai/*` means all that begin so; default: all."
    )
    per_minute: Price | None = None
    per_call: Price | None = None
    per_1000_characters: Price | None = None
    per_million_input_tokens: Price | None = None
    per_million_output_tokens: Price | None = None
    increment_seconds: Annotated[int, Field(ge=1, le=3600)] = Field(
        default=1, description="Time is charged in steps of this, rounded up; 60: by the minute begun."
    )
    minimum_seconds: Annotated[int, Field(ge=0, le=3600)] = 0

    @model_validator(mode="after")
    def _fits_its_component(self) -> Self:
        given = [name for name in _PRICES if getattr(self, name) is not None]
        allowed = _ALLOWED[self.component]
        if wrong := [name for name in given if name not in allowed]:
            raise ValueError(f"has {wrong[0]}, but {self.component} is priced by {', '.join(sorted(allowed))}")
        if not given:
            raise ValueError(f"needs a price: {', '.join(sorted(allowed))}")
        if self.component != "telephony" and (self.direction or self.prefix):
            raise ValueError("has a direction or prefix, which only telephony is priced by")
        if self.component in {"telephony", "recording", "platform"} and self.name:
            raise ValueError(f"has a name, which {self.component} is not priced by")
        return self


class PriceListIn(Body):
    """All prices from a moment on."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = Field(default="USD", description="ISO 4217.")
    rates: Annotated[list[Rate], Field(max_length=2000)]
    valid_from: datetime | None = Field(
        default=None, description="Now or later; default: now. Calls placed before keep the prices of their day."
    )

    @field_validator("valid_from")
    @classmethod
    def _has_a_zone(cls, moment: datetime | None) -> datetime | None:
        if moment is not None and moment.tzinfo is None:
            raise ValueError("must have a time zone, such as 2026-06-01T00:00:00Z")
        return moment


class RateOut(BaseModel):
    """One price."""

    component: Component
    direction: str | None = None
    prefix: str | None = None
    name: str | None = None
    per_minute: float | None = None
    per_call: float | None = None
    per_1000_characters: float | None = None
    per_million_input_tokens: float | None = None
    per_million_output_tokens: float | None = None
    increment_seconds: int = 1
    minimum_seconds: int = 0


class PriceListOut(BaseModel):
    """All prices from a moment on."""

    id: str | None = Field(description="null: no prices were ever set, and everything costs nothing.")
    currency: str
    valid_from: str | None
    created_at: str | None
    rates: list[RateOut]

    @classmethod
    def of(cls, prices: PriceList) -> PriceListOut:
        """Describe a price list."""
        return cls(
            id=prices.id,
            currency=prices.currency,
            valid_from=iso(prices.valid_from),
            created_at=iso(prices.created_at),
            rates=[RateOut.model_validate(rate) for rate in prices.rates],
        )


class PricesOut(PriceListOut):
    """The prices that count now, and all there are, the latest first."""

    history: list[PriceListOut]


class ComponentCost(BaseModel):
    """What one component of a call cost; every leg of a transfer is one."""

    component: Charged
    quantity: float
    unit: str
    amount: float
    detail: str = Field(default="", description="What the price went by: a prefix, a model.")
    estimated: bool = False


class CostOut(BaseModel):
    """What a call cost, at the prices of the day it was placed."""

    currency: str
    total: float
    components: list[ComponentCost]
    price_list_id: str | None = None
    estimated: bool = Field(default=False, description="Whether some quantity is a guess; its component says so too.")


class CostLine(BaseModel):
    """What a group of calls cost in one currency."""

    group: str | None = Field(description="The day, agent or component; null: all.")
    currency: str
    total: float


class CostsOut(BaseModel):
    """What calls of a period cost."""

    start: str | None
    end: str | None
    calls: int = Field(description="Calls placed in the period, answered or not.")
    minutes: float = Field(description="Minutes talked.")
    totals: list[CostLine]
    groups: list[CostLine]
