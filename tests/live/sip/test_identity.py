from __future__ import annotations

from dialnexa.live.sip.identity import asserted_identities, diversions, privacy
from dialnexa.live.sip.message import Headers

HEADERS = Headers(
    [
        ("P-Asserted-Identity", '"Boss, The" <sip:+15550001@trunk>, <tel:+15550001>'),
        ("Diversion", '<sip:+15550002@trunk>;reason=User-Busy;counter=2, "x" <tel:+15550003>;reason="no-answer"'),
        ("Diversion", "<never closed"),
        ("Privacy", "id; user"),
    ]
)


def test_the_trunk_vouches_for_the_caller() -> None:
    assert [(each.display, each.user) for each in asserted_identities(HEADERS)] == [
        ("Boss, The", "+15550001"),
        ("", "+15550001"),
    ]


def test_detours_are_told_latest_first_and_broken_ones_left_out() -> None:
    found = [(each.user, each.reason, each.counter) for each in diversions(HEADERS)]
    assert found == [("+15550002", "user-busy", 2), ("+15550003", "no-answer", 1)]


def test_what_is_to_be_hidden() -> None:
    assert privacy(HEADERS) == {"id", "user"}
    assert privacy(Headers([("Privacy", "none")])) == privacy(Headers()) == frozenset()
