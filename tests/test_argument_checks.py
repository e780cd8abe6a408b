"""What constructors take: accepted as plain Python numbers and lists, or refused in one line."""

import numpy as np
import pytest

from kerazoo.argument_checks import check_integer, check_integers, check_list, check_number
from kerazoo.errors import ConfigError


@pytest.mark.parametrize("value", [1, np.int64(1), np.uint8(1)])
def test_integers_become_plain(value):
    assert type(check_integer("k", value)) is int
    assert check_integer("k", 0, least=0) == 0


@pytest.mark.parametrize("value", [0, -3, True, 1.0, "1", None, float("nan")])
def test_what_is_no_count_is_refused(value):
    with pytest.raises(ConfigError, match="`k` must be an integer of 1 or above. Received: "):
        check_integer("k", value)


@pytest.mark.parametrize("value", [0.5, 1, np.float32(0.5), np.int64(1)])
def test_numbers_become_plain(value):
    assert type(check_number("rate", value, least=0, most=1)) is float


@pytest.mark.parametrize("value", [-0.1, 1.1, True, "0.5", None, float("nan"), float("inf")])
def test_what_is_no_such_number_is_refused(value):
    says = "`rate` must be a finite number of at least 0 and of at most 1. Received: "
    with pytest.raises(ConfigError, match=says):
        check_number("rate", value, least=0, most=1)


def test_open_bounds_do_not_belong_to_the_range():
    assert check_number("x", 0.5, above=0, below=1) == 0.5
    for value in (0, 1):
        with pytest.raises(ConfigError, match="`x` must be a finite number above 0 and below 1"):
            check_number("x", value, above=0, below=1)
    with pytest.raises(ConfigError, match="`x` must be a finite number. Received: nan"):
        check_number("x", float("nan"))


@pytest.mark.parametrize("value", [[3, 4], (3, 4), np.array([3, 4]), range(3, 5)])
def test_lists_become_plain(value):
    assert check_list("sizes", value) == [3, 4]
    integers = check_integers("sizes", value, shortest=2)
    assert integers == [3, 4]
    assert {type(size) for size in integers} == {int}


@pytest.mark.parametrize("value", [3, 0.5, None, "34", b"34", {3: 4}, np.array(3)])
def test_what_is_no_list_is_refused(value):
    for check in (check_list, check_integers):
        with pytest.raises(ConfigError, match="^`sizes` must be a list. Received: "):
            check("sizes", value)


def test_lists_may_have_to_hold_something():
    assert check_list("sizes", []) == []
    with pytest.raises(ConfigError, match=r"`sizes` must be a list of 2 or more. Received: \[3\]"):
        check_list("sizes", [3], shortest=2)


@pytest.mark.parametrize("value", [[3, 0], [3, 1.5], [[3]], ["3"]])
def test_lists_of_what_is_no_count_are_refused(value):
    with pytest.raises(ConfigError, match="`sizes` must be an integer of 1 or above. Received: "):
        check_integers("sizes", value)
