from __future__ import annotations

import pytest
from tests.live.sip.transactions.test_client import made

from dialnexa.live.sip.messages.identity import (
    asserted_identities,
    caller_of,
    diversions,
    names_of_caller,
    privacy,
    withholds_caller,
)
from dialnexa.live.sip.messages.message import Headers

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


@pytest.mark.parametrize(
    ("history", "detours"),
    [
        (
            "<sip:+15550002@trunk?Reason=SIP%3Bcause%3D486>;index=1, <sip:+15550003@trunk;cause=486>;index=1.1, "
            "<sip:+15550100@us;cause=302>;index=1.1.1",
            [("+15550003", "unconditional"), ("+15550002", "user-busy")],
        ),
        ("<sip:+15550100@proxy>;index=1, <sip:+15550100@us>;index=1.1", []),
        ("<sip:+15550002@trunk>;index=1, <tel:+15550100>;index=1.1", [("+15550002", "unknown")]),
        ("<sip:+15550100@us>;index=1", []),
        ("<nonsense, <sip:+15550100@us>;index=1", []),
    ],
)
def test_history_tells_of_detours_where_diversion_does_not(history: str, detours: list[tuple[str, str]]) -> None:
    headers = Headers([("History-Info", history)])
    assert [(each.user, each.reason) for each in diversions(headers)] == detours
    both = Headers([("History-Info", history), ("Diversion", "<sip:+15550009@trunk>")])
    assert [each.user for each in diversions(both)] == ["+15550009"]


def test_what_is_to_be_hidden() -> None:
    assert privacy(HEADERS) == {"id", "user"}
    assert privacy(Headers([("Privacy", "none")])) == privacy(Headers()) == frozenset()


@pytest.mark.parametrize(
    ("line", "withheld"),
    [
        ("Privacy: id", True),
        ("Privacy: user;critical", True),
        ("Privacy: session, Header", True),
        ("Privacy: none", False),
        ("Privacy: session;critical", False),
        ("Privacy: history", False),
        ("Remote-Party-ID: <sip:+15550003@pbx>;privacy=full", True),
        ("Remote-Party-ID: <sip:+15550003@pbx>;party=called;privacy=full", False),
        ("Remote-Party-ID: <sip:+15550003@pbx>;privacy=off", False),
    ],
)
def test_who_wants_not_to_be_known(line: str, withheld: bool) -> None:
    assert withholds_caller(made(extra=f"{line}\n").headers) is withheld


def test_every_name_of_a_caller() -> None:
    extra = 'P-Asserted-Identity: "Alice Archer" <sip:+15550001@trunk>\nRemote-Party-ID: <sip:5550003@pbx>\n'
    assert names_of_caller(made(extra=extra)) >= {"+15550001", "Alice Archer", "5550003", "+16505550199"}


class TestCaller:
    @pytest.mark.parametrize(
        ("extra", "user"),
        [
            ("", "+16505550199"),
            ("P-Asserted-Identity: <tel:+15550004>\n", "+15550004"),
            ("P-Asserted-Identity: <sip:+15550001@trunk>\n", "+15550001"),
            ("P-Asserted-Identity: <sip:trunk>, <tel:+15550002>\n", "+15550002"),
            ("P-Asserted-Identity: <sip:+15550001@trunk>\nPrivacy: id\n", "+16505550199"),
            ("P-Asserted-Identity: <sip:+15550001@trunk>\nPrivacy: none\n", "+15550001"),
            ("P-Asserted-Identity: <<broken\nRemote-Party-ID: <sip:+15550003@pbx>;screen=yes\n", "+15550003"),
            ("Remote-Party-ID: <sip:+15550003@pbx>;party=calling;privacy=off\n", "+15550003"),
            ("Remote-Party-ID: <sip:+15550003@pbx>;privacy=full\n", "+16505550199"),
            ("Remote-Party-ID: <sip:+15550003@pbx>;party=called\n", "+16505550199"),
        ],
    )
    def test_is_whom_the_trunk_vouches_for(self, extra: str, user: str) -> None:
        assert caller_of(made(extra=extra)) == user
