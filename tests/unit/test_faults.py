"""The sentences about wrong values."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from gemtap.faults import not_one_of, sentence_of


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


def _even(number: int) -> int:
    if number % 2:
        raise ValueError("it is odd")
    return number


class Model(BaseModel):
    """A field for each kind of fault."""

    model_config = ConfigDict(extra="forbid")

    order: Literal["newest", "oldest"] = "newest"
    colour: Colour | None = None
    one: Literal["only"] = "only"
    flag: bool = False
    count: Annotated[int, Field(ge=1, le=500)] = 1
    share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    at: datetime | None = None
    even: Annotated[int, AfterValidator(_even)] = 0


def fault(value: dict[str, Any]) -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        Model(**value)
    return caught.value


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ({"order": "price"}, "'price' is not one of newest, oldest."),
        ({"order": "Oldst"}, "'Oldst' is not one of newest, oldest. Did you mean oldest?"),
        ({"colour": "gren"}, "'gren' is not one of red, green. Did you mean green?"),
        ({"one": 7}, "'7' is not one of only."),
        ({"flag": "perhaps"}, "'perhaps' is not true or false."),
        ({"flag": [1]}, "'[1]' is not true or false."),
        ({"count": "many"}, "'many' is not a whole number."),
        ({"count": "1.5"}, "'1.5' is not a whole number."),
        ({"count": 1.5}, "'1.5' is not a whole number."),
        ({"count": None}, "'None' is not a whole number."),
        ({"count": "9" * 5000}, f"'{'9' * 100}' is not a whole number."),
        ({"count": 0}, "'0' is less than 1."),
        ({"count": 501}, "'501' is more than 500."),
        ({"share": "half"}, "'half' is not a number."),
        ({"share": 0}, "'0' is not more than 0."),
        ({"share": 1}, "'1' is not less than 1."),
        ({"at": "7d"}, "'7d' is no time in ISO 8601, such as 2026-03-14 or 2026-03-14T12:30:00Z."),
        ({"at": "2026-02-30"}, "'2026-02-30' is no time in ISO 8601, such as 2026-03-14 or 2026-03-14T12:30:00Z."),
        ({"even": 1}, "it is odd."),
        ({"color": "red"}, "there is no field of this name."),
    ],
)
def test_a_fault_is_a_sentence_that_says_what_is_right(value: dict[str, Any], sentence: str) -> None:
    """Each kind of fault has its sentence."""
    assert sentence_of(fault(value).errors()[0]) == sentence


def test_a_value_that_may_be_secret_is_not_repeated() -> None:
    """Without the input, the value is called `it`."""
    errors = fault({"order": "hush", "flag": "hush", "count": "hush"}).errors(include_input=False)
    assert [sentence_of(each) for each in errors] == [
        "it is not one of newest, oldest.",
        "it is not true or false.",
        "it is not a whole number.",
    ]


def test_a_long_value_is_cut() -> None:
    """Errors stay short."""
    assert not_one_of("x" * 500, ("a", "b")) == f"'{'x' * 100}' is not one of a, b."


def test_the_nearest_is_found_in_any_case() -> None:
    """And named as it is written."""
    assert not_one_of("max_token", ("STOP", "MAX_TOKENS")).endswith(" Did you mean MAX_TOKENS?")
