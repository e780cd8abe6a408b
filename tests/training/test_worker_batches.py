"""What workers gather alone are the parts of one device's batches."""

from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from kerazoo.datasets import Batches
from kerazoo.training import worker_batches
from kerazoo.training.worker_batches import even_batch_size

NUMBERS = np.arange(23)
INPUTS = {
    "one array": NUMBERS[:, None],
    "arrays by name": {"user": NUMBERS[:, None], "item": NUMBERS[:, None] + 100},
}


@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("count", [2, 3])
def test_parts_make_up_the_batches(kind, count):
    source = Batches(INPUTS[kind], NUMBERS, batch_size=10, seed=1)
    whole = list(source.starting_at().take(len(source)))
    own = [
        worker_batches._own_parts(source, SimpleNamespace(index=n, count=count), 0, 0)
        for n in range(count)
    ]
    assert [len(labels) for _, labels in whole] == [10, 10, 3]
    for batch, *parts in zip(whole, *own, strict=False):
        joined = tf.nest.map_structure(
            lambda *arrays: np.concatenate(arrays), *(part.data for part in parts)
        )
        tf.nest.map_structure(np.testing.assert_array_equal, joined, batch)
        assert sum(int(part.counted) for part in parts) == len(batch[1])
        assert sum(float(part.fraction) for part in parts) == pytest.approx(1)


@pytest.mark.parametrize(
    ("samples", "replicas", "size"),
    [(10_000, 8, 200), (512, 8, 256), (1000, 1, 250), (10_007, 8, None)],
)
def test_batches_that_all_have_one_size(samples, replicas, size):
    assert even_batch_size(samples, replicas, most=256) == size
