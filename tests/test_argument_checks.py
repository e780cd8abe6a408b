"""Numbers that constructors take: accepted as plain Python numbers, or refused in one line."""

import numpy as np
import pytest

from kerazoo.argument_checks import check_integer, check_number
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
