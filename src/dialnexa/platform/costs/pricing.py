"""Pricing: from what a call used to what it cost. Pure, and exact: amounts are decimals until they are written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from dialnexa.platform.costs.schemas import Charged, Component, ComponentCost, CostOut, Rate
from dialnexa.platform.costs.usage import Tokens, Usage

_MILLION = Decimal(1_000_000)
_SMALLEST = Decimal("0.000001")
_ANYTHING = "*"


@dataclass(frozen=True, slots=True)
class Talk:
    """What of a call telephony is priced by."""

    direction: str
    other_number: str
    """The number of the person; empty on web calls, which cost no telephony."""


def price(usage: Usage, talk: Talk, rates: Sequence[Rate], currency: str, price_list_id: str | None = None) -> CostOut:
    """Return what a call cost. A component without a rate costs nothing; one that was not used is left out."""
    lines = [
        line
        for line in (
            _timed("telephony", usage.talk_seconds, _telephony(rates, talk)) if talk.other_number else None,
            *(_timed("transfer", leg.seconds, _telephony(rates, Talk("outbound", leg.to))) for leg in usage.legs),
            _timed("stt", usage.stt_seconds, _named(rates, "stt", usage.stt), usage.stt),
            _timed("stt", usage.stt_fallback_seconds, _named(rates, "stt", usage.stt_fallback), usage.stt_fallback),
            _spoken(usage, _named(rates, "tts", usage.tts)),
            _tokens("llm", usage.llm, rates),
            _tokens("analysis", usage.analysis, rates),
            _timed("recording", usage.recording_seconds, _named(rates, "recording", "")),
            _timed("platform", usage.talk_seconds, _named(rates, "platform", "")),
        )
        if line is not None
    ]
    total = sum((Decimal(str(line.amount)) for line in lines), Decimal())
    return CostOut(
        currency=currency,
        total=float(total),
        components=lines,
        price_list_id=price_list_id,
        estimated=any(line.estimated for line in lines),
    )


def millionths(amount: float) -> int:
    """Return an amount in millionths of its currency."""
    return int((Decimal(str(amount)) * _MILLION).to_integral_value(ROUND_HALF_UP))


# --- which rate ------------------------------------------------------------------------------------------------------


def _telephony(rates: Sequence[Rate], talk: Talk) -> Rate | None:
    fitting = [
        rate
        for rate in rates
        if rate.component == "telephony"
        and rate.direction in {None, talk.direction}
        and talk.other_number.startswith(rate.prefix or "")
    ]
    return max(fitting, key=lambda rate: (len(rate.prefix or ""), rate.direction is not None), default=None)


def _named(rates: Sequence[Rate], component: Component, name: str) -> Rate | None:
    fitting = [rate for rate in rates if rate.component == component and _means(rate.name, name)]
    return max(fitting, key=lambda rate: _closeness(rate.name), default=None)


def _means(pattern: str | None, name: str) -> bool:
    if pattern is None:
        return True
    return name.startswith(pattern[:-1]) if pattern.endswith(_ANYTHING) else name == pattern


def _closeness(pattern: str | None) -> tuple[bool, int]:
    """Rank exact names above patterns, and longer patterns above shorter ones."""
    return (pattern is not None and not pattern.endswith(_ANYTHING), len(pattern or ""))


# --- how much --------------------------------------------------------------------------------------------------------


def _timed(component: Charged, seconds: float, rate: Rate | None, detail: str = "") -> ComponentCost | None:
    if seconds <= 0:
        return None
    amount = Decimal()
    if rate is not None:
        steps = math.ceil(round(seconds, 3) / rate.increment_seconds)
        charged = max(steps * rate.increment_seconds, rate.minimum_seconds)
        amount = Decimal(charged) / 60 * (rate.per_minute or 0) + (rate.per_call or 0)
        detail = detail or rate.prefix or ""
    return _line(component, seconds / 60, "minutes", amount, detail)


def _spoken(usage: Usage, rate: Rate | None) -> ComponentCost | None:
    if not usage.tts_characters:
        return None
    per_thousand = rate.per_1000_characters if rate is not None else None
    amount = Decimal(usage.tts_characters) / 1000 * (per_thousand or 0)
    return _line("tts", usage.tts_characters, "characters", amount, usage.tts)


def _tokens(component: Component, used: Tokens, rates: Sequence[Rate]) -> ComponentCost | None:
    if not used.requests:
        return None
    rate = _named(rates, component, used.model)
    amount = Decimal()
    if rate is not None:
        amount += Decimal(used.input_tokens) / _MILLION * (rate.per_million_input_tokens or 0)
        amount += Decimal(used.output_tokens) / _MILLION * (rate.per_million_output_tokens or 0) + (rate.per_call or 0)
    line = _line(component, used.input_tokens + used.output_tokens, "tokens", amount, used.model)
    return line.model_copy(update={"estimated": used.estimated})


def _line(component: Charged, quantity: float, unit: str, amount: Decimal, detail: str) -> ComponentCost:
    exact = amount.quantize(_SMALLEST, ROUND_HALF_UP)
    return ComponentCost(
        component=component, quantity=round(quantity, 3), unit=unit, amount=float(exact), detail=detail
    )
