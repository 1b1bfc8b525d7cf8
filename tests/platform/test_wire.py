"""Bodies of requests: what is misspelt is named with what was meant, and what is unknown is left alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import AliasChoices, Field, ValidationError, model_validator

from dialnexa.kit.errors import BadRequest
from dialnexa.platform.wire import Body, ignored_fields, sentences


class Coat(Body):
    colour: str
    size: int = Field(default=1, validation_alias=AliasChoices("size", "width"))


class Wardrobe(Body):
    owner: str
    coats: list[Coat] = Field(default_factory=list[Coat])


class Strict(Body):
    colour: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _check(cls, data: dict[str, object]) -> object:
        if "size" not in data:
            raise BadRequest(["size should not be empty"])
        return data


@pytest.fixture(autouse=True)
def ignored() -> Iterator[dict[str, None]]:
    """A request that is being read."""
    found: dict[str, None] = {}
    token = ignored_fields.set(found)
    yield found
    ignored_fields.reset(token)


def _told(body: type[Body], data: object) -> list[str]:
    with pytest.raises((ValidationError, BadRequest)) as caught:
        body.model_validate(data)
    return caught.value.messages if isinstance(caught.value, BadRequest) else sentences(caught.value.errors())


def test_a_misspelt_field_is_named_and_the_one_it_stands_for_is_not_missing() -> None:
    assert _told(Coat, {"color": "red"}) == ["color is not a field of this request; did you mean colour?"]


def test_an_optional_field_is_not_quietly_left_out(ignored: dict[str, None]) -> None:
    assert _told(Coat, {"colour": "red", "widht": 2}) == ["widht is not a field of this request; did you mean width?"]
    assert ignored == {}


def test_all_other_mistakes_are_told_with_it() -> None:
    assert _told(Wardrobe, {"onwer": 7, "coats": [{"color": "red", "size": "x"}, {}]}) == [
        "onwer is not a field of this request; did you mean owner?",
        "owner must be a string",
        "coats[0].color is not a field of this request; did you mean colour?",
        "coats[0].size must be a whole number",
        "coats[1].colour should not be empty",
    ]


def test_it_is_told_with_mistakes_of_our_own() -> None:
    assert _told(Strict, {"color": "red"}) == [
        "color is not a field of this request; did you mean colour?",
        "size should not be empty",
    ]


def test_other_strangers_are_ignored_and_so_is_one_like_a_field_that_was_sent(ignored: dict[str, None]) -> None:
    made = Coat.model_validate({"colour": "red", "colours": ["red"], "width": 3, "sizes": [3], "lining": "silk"})
    assert (made.colour, made.size) == ("red", 3)
    assert list(ignored) == ["colours", "sizes", "lining"]


def test_what_is_stored_is_read_as_it_is() -> None:
    token = ignored_fields.set(None)
    try:
        assert Coat.model_validate({"colour": "red", "widht": 2}).size == 1
    finally:
        ignored_fields.reset(token)
