"""`kerazoo.distribute.strategy` on a machine whose devices are known: CPUs only."""

import pytest
import tensorflow as tf

from kerazoo.distribute import strategy
from kerazoo.errors import DataError, UnknownNameError

needs_no_gpu = pytest.mark.skipif(
    bool(tf.config.list_physical_devices("GPU")), reason="is about machines without a GPU"
)


def test_cpu_and_default_place_variables_on_the_cpu():
    for kind in ("cpu", "default", "auto"):
        with strategy(kind).scope():
            assert "CPU" in tf.Variable(1.0).device or tf.config.list_physical_devices("GPU")
    assert strategy("default") is tf.distribute.get_strategy()


def test_mirrored_takes_the_devices_it_is_given():
    mirrored = strategy("mirrored", devices=["CPU:0"])
    assert isinstance(mirrored, tf.distribute.MirroredStrategy)
    assert mirrored.num_replicas_in_sync == 1


@needs_no_gpu
@pytest.mark.parametrize("kind", ["gpu", "mirrored"])
def test_a_missing_gpu_is_said_with_what_there_is(kind):
    with pytest.raises(DataError, match=r"No GPU .* Available: .*CPU:0"):
        strategy(kind)


def test_unknown_kind():
    with pytest.raises(UnknownNameError, match="Did you mean 'mirrored'"):
        strategy("miror")
