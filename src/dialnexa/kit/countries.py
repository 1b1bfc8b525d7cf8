"""The countries of the telephone network, and the kinds of lines their numbering plans know.

Source: libphonenumber's metadata, through the ``phonenumbers`` package.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import cast

import phonenumbers
import regex
from phonenumbers import PhoneMetadata, PhoneNumberDesc, PhoneNumberType

from dialnexa.kit import phone

NOWHERE = "001"
"""The code of numbers that belong to no country, such as satellite networks."""
_PREFIX_DIGITS = 3
"""National digits of a prefix: enough to tell area codes and mobile ranges apart."""


class LineKind(StrEnum):
    """What kind of line a number belongs to: their prices differ by orders of magnitude."""

    LANDLINE = "landline"
    """Landlines, and mobiles where the plan does not tell them apart (North America)."""
    MOBILE = "mobile"
    TOLL_FREE = "toll-free"
    SPECIAL = "special"
    """Company-wide, personal, internet and pager numbers."""
    PREMIUM = "premium"
    """Premium services, shared-cost and satellite numbers: the usual target of toll fraud."""


_KINDS = {
    PhoneNumberType.MOBILE: LineKind.MOBILE,
    PhoneNumberType.TOLL_FREE: LineKind.TOLL_FREE,
    PhoneNumberType.VOIP: LineKind.SPECIAL,
    PhoneNumberType.PERSONAL_NUMBER: LineKind.SPECIAL,
    PhoneNumberType.PAGER: LineKind.SPECIAL,
    PhoneNumberType.UAN: LineKind.SPECIAL,
    PhoneNumberType.VOICEMAIL: LineKind.SPECIAL,
}
_PATTERNS = {
    LineKind.LANDLINE: ("fixed_line",),
    LineKind.MOBILE: ("mobile",),
    LineKind.TOLL_FREE: ("toll_free",),
    LineKind.SPECIAL: ("voip", "personal_number", "pager", "uan", "voicemail"),
    LineKind.PREMIUM: ("premium_rate", "shared_cost"),
}


_UNLISTED = {"AC": "Ascension Island", "TA": "Tristan da Cunha", "XK": "Kosovo"}
"""Names the library's table lacks."""


@dataclass(frozen=True, slots=True)
class Country:
    """A country as its numbers are dialled."""

    iso: str
    """ISO 3166 alpha-2."""
    name: str
    calling_code: str
    """Digits, without the plus."""
    max_length: int
    """National digits at most."""


@cache
def _names() -> dict[str, dict[str, str]]:
    """Return the names of countries by ISO code and language.

    The table's file is read by itself: importing it as the module it is reads every area code of the world first, for
    seconds.
    """
    file = Path(phonenumbers.__file__).parent / "geodata" / "locale.py"
    spec = spec_from_file_location("phonenumbers.geodata.locale", file)
    if spec is None or spec.loader is None:
        raise ImportError(f"phonenumbers has no table of country names at {file}; install it anew.")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.LOCALE_DATA


@cache
def countries() -> tuple[Country, ...]:
    """Return every country that has phone numbers, by name."""
    return tuple(sorted(map(_read, phonenumbers.SUPPORTED_REGIONS), key=lambda one: one.name))


@cache
def dial_code(iso: str) -> str:
    """Return what E.164 numbers of a country begin with, such as ``+44``; a bare ``+`` for what is no country."""
    known = country(iso)
    return f"+{known.calling_code}" if known else "+"


def country(iso: str) -> Country | None:
    """Return a country by its ISO code, in either case; ``None`` when no such country has phone numbers."""
    return _read(iso.upper()) if iso.upper() in phonenumbers.SUPPORTED_REGIONS else None


@lru_cache(maxsize=4096)
def line_kind(e164: str) -> LineKind:
    """Return what kind of line a number belongs to; one that no plan hands out counts as what it begins like."""
    if phone.is_premium(e164):
        return LineKind.PREMIUM
    try:
        parsed = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return LineKind.LANDLINE
    kind = phonenumbers.number_type(parsed)
    iso = phone.country_of(e164)
    if kind == PhoneNumberType.UNKNOWN and iso in phonenumbers.SUPPORTED_REGIONS:
        return _begins_like(iso, str(parsed.national_number)[: _PREFIX_DIGITS + 1])
    return _KINDS.get(kind, LineKind.LANDLINE)


@cache
def kinds(iso: str) -> tuple[LineKind, ...]:
    """Return the kinds of lines a country has."""
    metadata = _metadata(iso)
    same = _same_lines(metadata)
    return tuple(kind for kind in LineKind if _descriptions(metadata, kind) and not (same and kind == LineKind.MOBILE))


@cache
def prefixes(iso: str, kind: LineKind | None = None) -> tuple[str, ...]:
    """Return the E.164 prefixes that a country's numbers begin with, or those of one kind of line.

    As short as they can be, with at most three national digits; two kinds may share one. Takes some milliseconds.
    """
    beginnings = _beginnings(_pattern(iso, kind))
    return tuple(f"+{_metadata(iso).country_code}{digits}" for digits in beginnings)


@cache
def dial_prefixes(iso: str) -> tuple[str, ...]:
    """Return what tells a country's numbers from all others: its calling code, with area codes where it is shared."""
    code = _metadata(iso).country_code or 0
    return (f"+{code}",) if phonenumbers.region_codes_for_country_code(code) == (iso,) else prefixes(iso)


def _read(iso: str) -> Country:
    metadata = _metadata(iso)
    lengths = cast(PhoneNumberDesc, metadata.general_desc).possible_length or ()
    return Country(iso, _name(iso), str(metadata.country_code), max(lengths, default=15))


def _name(iso: str) -> str:
    """Return the English name; the table writes ``*xx`` where English says the same as language ``xx``."""
    if iso in _UNLISTED:
        return _UNLISTED[iso]
    names = _names().get(iso, {})
    name = names.get("en", iso)
    return names.get(name[1:], iso) if name.startswith("*") else name


def _metadata(iso: str) -> PhoneMetadata:
    found = PhoneMetadata.metadata_for_region(iso, None)
    assert found is not None  # only ever asked for supported regions
    return found


def _same_lines(metadata: PhoneMetadata) -> bool:
    landline, mobile = metadata.fixed_line, metadata.mobile
    return (
        landline is not None
        and mobile is not None
        and landline.national_number_pattern == mobile.national_number_pattern
    )


def _descriptions(metadata: PhoneMetadata, kind: LineKind) -> list[PhoneNumberDesc]:
    found = (cast("PhoneNumberDesc | None", getattr(metadata, name)) for name in _PATTERNS[kind])
    return [one for one in found if one is not None and one.national_number_pattern]


def _begins_like(iso: str, digits: str) -> LineKind:
    """Return the kind whose numbers may begin so; of several the dearest."""
    dearest_first = (LineKind.PREMIUM, LineKind.MOBILE, LineKind.SPECIAL, LineKind.TOLL_FREE)
    wanted = (
        kind
        for kind in dearest_first
        if kind in kinds(iso) and regex.fullmatch(_pattern(iso, kind), digits, partial=True)
    )
    return next(wanted, LineKind.LANDLINE)


@cache
def _pattern(iso: str, kind: LineKind | None) -> str:
    every = [one for each in ([kind] if kind else kinds(iso)) for one in _descriptions(_metadata(iso), each)]
    return "|".join(f"(?:{one.national_number_pattern})" for one in every)


def _beginnings(pattern: str) -> list[str]:
    """Return the shortest digit strings that together begin all matches of a pattern."""
    compiled = regex.compile(pattern)

    def possible(digits: str) -> bool:
        return compiled.fullmatch(digits, partial=True) is not None

    def below(digits: str) -> Iterator[str]:
        children = [f"{digits}{digit}" for digit in "0123456789" if possible(f"{digits}{digit}")]
        if len(digits) == _PREFIX_DIGITS or len(children) == len("0123456789"):
            yield digits
            return
        for child in children:
            yield from below(child)

    return _merged(list(below("")))


def _merged(found: list[str]) -> list[str]:
    """Put ten siblings together to their parent, as often as that goes."""
    for length in range(_PREFIX_DIGITS, 0, -1):
        for parent in {digits[:-1] for digits in found if len(digits) == length}:
            children = {f"{parent}{digit}" for digit in "0123456789"}
            if children <= set(found):
                found = [digits for digits in found if digits not in children] + [parent]
    return sorted(found)
