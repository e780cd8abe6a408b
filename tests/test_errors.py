"""The words of errors and notices."""

import logging

import pytest

from kerazoo import errors
from kerazoo.errors import KerazooError, nearest, unknown_name
from kerazoo.notices import notice


def test_an_unknown_name_gets_the_nearest_ones_or_all():
    known = ["mnist_cnn", "mnist_mlp", "linear_regression"]
    close = str(unknown_name("model", "mnist_cn", known))
    assert close == "Unknown model 'mnist_cn'. Did you mean 'mnist_cnn' or 'mnist_mlp'?"
    far = str(unknown_name("model", "zebra", known))
    assert far == "Unknown model 'zebra'. Known: linear_regression, mnist_cnn, mnist_mlp."


def test_the_nearest_name_comes_first():
    assert nearest("adamm", ["nadam", "adam", "sgd"])[0] == "adam"
    assert nearest("x", ["nadam", "adam"]) == []


def test_case_does_not_count_and_a_name_that_differs_in_nothing_else_stands_alone():
    known = ["mnist_cnn", "mnist_mlp", "MobileNet", "MobileNetV2"]
    assert nearest("MNIST_CNN", known) == ["mnist_cnn"]
    assert nearest("mobilenet", known) == ["MobileNet"]
    assert nearest("mobilenett", known) == ["MobileNet", "MobileNetV2"]
    assert nearest("add", ["Add", "ADD", "AddN"]) == ["ADD", "Add"]


@pytest.mark.parametrize(
    ("error", "builtin"),
    [
        (errors.UnknownNameError, ValueError),
        (errors.ConfigError, ValueError),
        (errors.WeightsError, ValueError),
        (errors.DataError, ValueError),
        (errors.RunError, OSError),
        (errors.VerificationError, ValueError),
        (errors.MissingDependencyError, ImportError),
    ],
)
def test_errors_are_caught_as_ours_and_as_pythons(error, builtin):
    assert issubclass(error, KerazooError)
    assert issubclass(error, builtin)
    assert str(error("one line")) == "one line"


def test_a_notice_is_said_once(notices):
    notice("a fallback")
    notice("a fallback")
    notice("another")
    assert notices() == ["a fallback", "another"]


def test_a_program_can_silence_notices(notices, caplog):
    caplog.set_level(logging.ERROR, logger="kerazoo")
    notice("unheard")
    assert notices() == []
