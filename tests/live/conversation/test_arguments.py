"""What a model writes is checked before a function is called."""

from __future__ import annotations

import pytest

from dialnexa.live.conversation.arguments import BadArguments, read

SCHEMA = {
    "type": "object",
    "properties": {
        "size": {"type": "string", "enum": ["small", "large"]},
        "count": {"type": "integer", "minimum": 1},
        "code": {"type": "string", "pattern": "^(a+)+$"},
    },
    "required": ["size"],
}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "The arguments of order are not valid JSON. Call it again."),
        ("[]", "The arguments of order must be a JSON object. Call it again."),
        ("", "order needs size. Ask the caller, then call it again."),
        ('{"size": "huge"}', "size: 'huge' is not one of ['small', 'large']"),
        ('{"size": "small", "count": "two"}', "count: 'two' is not of type 'integer'"),
        ('{"size": "small", "count": 0}', "count: 0 is less than the minimum of 1"),
    ],
)
def test_what_does_not_fit_is_told_so_that_the_model_can_mend_it(text: str, sentence: str) -> None:
    with pytest.raises(BadArguments) as caught:
        read("order", text, SCHEMA)
    assert sentence in str(caught.value)


def test_what_fits_is_returned() -> None:
    assert read("order", '{"size": "small", "count": 2}', SCHEMA) == {"size": "small", "count": 2}
    assert read("order", '{"anything": 1}', {}) == {"anything": 1}


def test_an_expression_that_would_never_end_is_not_tried() -> None:
    read("order", f'{{"size": "small", "code": "{"a" * 60}!"}}', SCHEMA)


def test_a_reference_is_never_fetched() -> None:
    schema = {"type": "object", "properties": {"x": {"$ref": "http://127.0.0.1:1/schema"}}}
    assert read("order", '{"x": 1}', schema) == {"x": 1}
