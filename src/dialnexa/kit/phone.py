"""Phone numbers: E.164 in and out (contract H.1 step 8), their country, and what they cost at worst."""

from __future__ import annotations

import re
from functools import lru_cache

import phonenumbers
from phonenumbers import PhoneNumberType

_E164 = re.compile(r"\+[1-9]\d{6,14}")
_DECORATION = re.compile(r"[ \-()\u00a0]")
_PREMIUM_TYPES = {PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST}
PREMIUM_PREFIXES = ("+1900", "+1976", "+870", "+878", "+881", "+882", "+883", "+979")
"""Premium services and satellite networks, where a minute may cost more than a month of ordinary calls."""


def to_e164(text: object) -> str | None:
    """Return a number as ``+`` and 7 to 15 digits, without spaces, dashes and brackets; ``None`` if it is none."""
    if not isinstance(text, str):
        return None
    bare = _DECORATION.sub("", text.strip())
    # \d also matches other scripts' digits, which no switch understands.
    return bare if bare.isascii() and _E164.fullmatch(bare) else None


def from_sip_user(user: str) -> str | None:
    """Return the E.164 number in the user part of a SIP URI; carriers leave out the ``+``, or write ``00``."""
    bare = _DECORATION.sub("", user.partition(";")[0].strip())
    bare = bare.removeprefix("00")
    return to_e164(bare if bare.startswith("+") else f"+{bare}")


def likely(text: str, own: str | None = None) -> str | None:
    """Return the number somebody may have meant who left out ``+`` or country code; ``None`` without a guess.

    ``own`` is a number of theirs: what can be dialled inside its country is taken for a number of that country.
    """
    bare = _DECORATION.sub("", text.strip())
    if not bare.startswith("00") and own and (country := country_of(own)):
        try:
            parsed = phonenumbers.parse(bare, country)
        except phonenumbers.NumberParseException:
            return None
        if phonenumbers.is_possible_number(parsed):
            return to_e164(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164))
    return to_e164(f"+{bare.removeprefix('00')}")


@lru_cache(maxsize=4096)
def country_of(e164: str) -> str | None:
    """Return the ISO 3166 alpha-2 code of a number's country; ``None`` for numbers of no single country."""
    parsed = _parse(e164)
    if parsed is None:
        return None
    region = phonenumbers.region_code_for_number(parsed)
    if region is None:  # such as 555 numbers, which no plan hands out: the calling code still tells
        region = phonenumbers.region_code_for_country_code(parsed.country_code or 0)
    return None if region in {"ZZ", "001"} else region


def kind_of(e164: str) -> str:
    """Return ``local``, ``mobile`` or ``toll_free``."""
    parsed = _parse(e164)
    kind = phonenumbers.number_type(parsed) if parsed else PhoneNumberType.UNKNOWN
    return {PhoneNumberType.TOLL_FREE: "toll_free", PhoneNumberType.MOBILE: "mobile"}.get(kind, "local")


@lru_cache(maxsize=4096)
def is_premium(e164: str) -> bool:
    """Tell whether calling this number may cost an extraordinary price: the usual target of toll fraud."""
    if e164.startswith(PREMIUM_PREFIXES):
        return True
    parsed = _parse(e164)
    return parsed is not None and phonenumbers.number_type(parsed) in _PREMIUM_TYPES


def _parse(e164: str) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return None
