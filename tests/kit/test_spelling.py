from __future__ import annotations

import pytest

from dialnexa.kit.spelling import meant

KNOWN = ("to_number", "from_number", "agent_version_id", "metadata", "id", "language_id", "max_call_duration_sec")


@pytest.mark.parametrize(
    ("typed", "right"),
    [
        ("to_numbr", "to_number"),
        ("toNumber", "to_number"),
        ("TO-NUMBER", "to_number"),
        ("agent_verison_id", "agent_version_id"),
        ("meta_data", "metadata"),
        ("max_call_duration_secs", "max_call_duration_sec"),
        ("metdaata", "metadata"),
    ],
)
def test_a_slip_is_understood(typed: str, right: str) -> None:
    assert meant(typed, KNOWN) == right


@pytest.mark.parametrize(
    "typed", ["", "x", "language", "language_code", "data", "number", "agent", "crm_id", "ids", "to_number" * 100]
)
def test_another_word_is_another_word(typed: str) -> None:
    assert meant(typed, KNOWN) is None
