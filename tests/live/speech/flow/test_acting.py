"""What a node calls: texts become what the function's schema wants, and no two nodes share a function."""

from __future__ import annotations

import pytest

from dialnexa.live.plan import FunctionSpec
from dialnexa.live.speech.embedded.flow.acting import Wish, fitted, own_name
from dialnexa.live.speech.embedded.flow.nodes import Node


@pytest.mark.parametrize(
    ("kind", "given", "sent"),
    [
        ("integer", "12", 12),
        ("integer", " -3 ", -3),
        ("integer", "twelve", "twelve"),
        ("number", "2.5", 2.5),
        ("boolean", "yes", True),
        ("boolean", "False", False),
        ("string", "12", "12"),
        ("integer", 7, 7),
        (None, "12", "12"),
    ],
)
def test_a_text_becomes_what_the_schema_wants(kind: str | None, given: object, sent: object) -> None:
    function = FunctionSpec("book", "custom", "", {"properties": {"people": {"type": kind}}})
    assert fitted(Wish("book", {"people": given}), [function]).arguments == {"people": sent}
    assert fitted(Wish("other", {"people": given}), [function]).arguments == {"people": given}


def test_each_node_has_a_function_of_its_own() -> None:
    names = {own_name(Node(name, "sms")) for name in ("a b", "a_b", "a-b", "Größe", "Gr__e")}
    assert len(names) == 5
    assert own_name(Node("confirm_time", "sms")) == "sms_confirm_time"
    assert all(name.isascii() and " " not in name for name in names)
