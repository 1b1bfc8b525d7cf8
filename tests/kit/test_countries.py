"""Countries, their kinds of lines, and what numbers begin with."""

from __future__ import annotations

import subprocess
import sys

import phonenumbers
import pytest
from phonenumbers import PhoneNumberType

from dialnexa.kit import countries
from dialnexa.kit.countries import LineKind


def test_every_country_has_a_name_and_a_code() -> None:
    every = countries.countries()
    assert len(every) == len(phonenumbers.SUPPORTED_REGIONS)
    assert [one.name for one in every if one.iso == one.name or "*" in one.name] == []
    germany = countries.country("de")
    assert germany is not None
    assert (germany.name, germany.calling_code) == ("Germany", "49")
    assert countries.country("ZZ") is None


def test_a_shared_calling_code_is_told_apart_by_area_codes() -> None:
    assert countries.dial_prefixes("DE") == ("+49",)
    assert "+1876" in countries.dial_prefixes("JM")
    assert "+1202" in countries.dial_prefixes("US")
    assert "+1204" not in countries.dial_prefixes("US")


def test_prefixes_are_as_short_as_they_can_be() -> None:
    assert countries.prefixes("US", LineKind.PREMIUM) == ("+1900",)
    assert countries.prefixes("GB", LineKind.MOBILE) == (
        *("+4471", "+4472", "+4473", "+4474", "+4475", "+4477", "+4478", "+4479"),
    )


@pytest.mark.parametrize("iso", ["AE", "BR", "DE", "FR", "GB", "IN", "JM", "NG", "RU", "US"])
def test_the_examples_of_a_plan_begin_with_its_prefixes(iso: str) -> None:
    wanted = {PhoneNumberType.FIXED_LINE: LineKind.LANDLINE, PhoneNumberType.TOLL_FREE: LineKind.TOLL_FREE}
    for kind, ours in wanted.items():
        example = phonenumbers.example_number_for_type(iso, kind)
        if example is not None and ours in countries.kinds(iso):
            e164 = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
            assert e164.startswith(countries.prefixes(iso, ours))


def test_where_mobiles_cannot_be_told_there_is_no_such_kind() -> None:
    assert LineKind.MOBILE not in countries.kinds("US")
    assert LineKind.MOBILE in countries.kinds("GB")
    assert countries.line_kind("+12025550134") == LineKind.LANDLINE
    assert countries.line_kind("not a number") == LineKind.LANDLINE


def test_names_come_without_every_area_code_of_the_world() -> None:
    program = "import sys; from dialnexa.kit.countries import countries; countries(); print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "phonenumbers" in ran.stdout.split()
    assert "phonenumbers.geodata" not in ran.stdout.split()
