"""One clustered weight through updates, against the rule written out in NumPy."""

import keras
import numpy as np
import pytest
from keras import ops

from kerazoo.compress import WeightClustering
from kerazoo.errors import ConfigError, UnknownNameError


def made(weight, **arguments):
    clustering = WeightClustering(**arguments)
    clustering.build(weight.shape)
    clustering.adopt(weight)
    return clustering, np.asarray(clustering.enforce(weight))


def random_weight(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


class Oracle:
    """What is behind the values, one group, in float64."""

    def __init__(self, weight, centroids):
        self.latent = weight.astype("float64").ravel()
        self.kept = self.latent == 0
        self.centroids = centroids.astype("float64")

    def values(self):
        near = np.argmin(np.abs(self.latent[:, None] - self.centroids), axis=1)
        return np.where(self.kept, 0, self.centroids[near])

    def update(self, change):
        self.latent = np.where(self.kept, 0, self.latent + change.ravel())
        near = np.argmin(np.abs(self.latent[:, None] - self.centroids), axis=1)
        for number in range(len(self.centroids)):
            members = self.latent[(near == number) & ~self.kept]
            if members.size:
                self.centroids[number] = members.mean()


@pytest.mark.parametrize("zeros", [0.0, 0.4])
@pytest.mark.parametrize("init", ["kmeans++", "linear", "density", "random"])
def test_updates_by_definition(init, zeros):
    weight = random_weight(6, 10)
    weight[np.abs(weight) < zeros] = 0
    clustering, value = made(weight, clusters=5, init=init)
    oracle = Oracle(weight, np.asarray(clustering.centroids)[0])
    rng = np.random.default_rng(1)
    for _ in range(25):
        np.testing.assert_allclose(value.ravel(), oracle.values(), atol=1e-5)
        change = rng.normal(size=weight.shape).astype("float32") * 0.1
        value = np.asarray(clustering.project(value + change))
        oracle.update(change)
        assert len(np.unique(value)) <= 5
        assert np.array_equal(value == 0, weight == 0)


def test_channels_are_clustered_apart():
    weight = random_weight(3, 3, 4, 6)
    together, value = made(weight, clusters=3, per_channel=True)
    apart = [made(weight[..., c], clusters=3) for c in range(6)]
    for step in range(4):
        change = random_weight(*weight.shape, seed=step) * 0.1
        for channel, (one, before) in enumerate(apart):
            after = np.asarray(one.project(before + change[..., channel]))
            apart[channel] = one, after
        value = np.asarray(together.project(value + change))
        assert max(len(np.unique(value[..., c])) for c in range(6)) <= 3
        np.testing.assert_allclose(value, np.stack([v for _, v in apart], -1), atol=1e-6)


def test_nothing_moves_where_nothing_is_learnt():
    clustering, value = made(random_weight(50, 4), clusters=8)
    for _ in range(3):
        np.testing.assert_allclose(clustering.project(value), value, atol=1e-6)


@pytest.mark.parametrize("clusters", [1, 2, 16])
@pytest.mark.parametrize("level", [0.0, 0.5])
def test_uniform_weights(clusters, level):
    weight = np.full((5, 4), level, "float32")
    clustering, value = made(weight, clusters=clusters)
    np.testing.assert_array_equal(value, weight)
    value = np.asarray(clustering.project(value + random_weight(5, 4)))
    assert np.isfinite(value).all()
    assert len(np.unique(value)) <= clusters
    if level == 0.0 and clusters > 1:
        assert not value.any()
    elif clusters > 1:  # double centroids part, so that the weight can learn
        assert len(np.unique(value)) >= 2


def test_fewer_distinct_values_than_clusters_are_exact():
    weight = np.array([[0.0, 0.25], [-1.5, 0.25], [0.0, 3.0]], "float32")
    clustering, value = made(weight, clusters=16)
    np.testing.assert_array_equal(value, weight)
    np.testing.assert_array_equal(clustering.project(weight), weight)


def test_zeros_that_a_pruning_makes_join_and_take_a_place():
    clustering, value = made(random_weight(40, 5), clusters=4)
    assert len(np.unique(value)) == 4
    pruned = np.where(np.arange(200).reshape(40, 5) % 3 == 0, 0, value).astype("float32")
    value = np.asarray(clustering.project(pruned))
    assert np.array_equal(value == 0, pruned == 0)
    assert len(np.unique(value)) == 4
    value = np.asarray(clustering.project(value + random_weight(40, 5)))
    assert np.array_equal(value == 0, pruned == 0)
    assert len(np.unique(value)) == 4


def test_zeros_are_not_kept_when_not_asked_for():
    weight = random_weight(20, 5)
    weight[:10] = 0
    clustering, value = made(weight, clusters=4, preserve_sparsity=False)
    value = np.asarray(clustering.project(value + 0.5 * random_weight(20, 5, seed=1)))
    assert not (value == 0).any()
    assert len(np.unique(value)) == 4


def test_enforce_takes_the_nearest_value_and_changes_no_state():
    weight = random_weight(20, 5)
    weight[:3] = 0
    clustering, value = made(weight, clusters=4)
    before = [np.asarray(each) for each in clustering.variables]
    averaged = value + 0.01
    np.testing.assert_array_equal(clustering.enforce(averaged), value)
    for variable, old in zip(clustering.variables, before, strict=True):
        np.testing.assert_array_equal(variable, old)


def test_config_and_bad_arguments():
    clustering = WeightClustering(3, "linear", True, False, 7, name="few")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(clustering))
    assert again.get_config() == clustering.get_config()
    assert again.clusters == 3
    with pytest.raises(ConfigError, match="clusters"):
        WeightClustering(0)
    with pytest.raises(UnknownNameError, match="linear"):
        WeightClustering(init="linaer")
    with pytest.raises(ConfigError, match="known size"):
        WeightClustering().build((0, 4))


def test_channels_along_another_axis():
    weight = np.random.default_rng(0).normal(size=(2, 3, 4, 5)).astype("float32")
    plain, other = (WeightClustering(2, per_channel=True, channel_axis=a) for a in (-1, -2))
    for clustering, given in ((plain, np.moveaxis(weight, -2, -1)), (other, weight)):
        clustering.build(given.shape)
        clustering.adopt(given)
    expected = np.moveaxis(ops.convert_to_numpy(plain.enforce(np.moveaxis(weight, -2, -1))), -1, -2)
    values = ops.convert_to_numpy(other.enforce(weight))
    np.testing.assert_array_equal(values, expected)
    assert [len(np.unique(values[:, :, channel])) for channel in range(4)] == [2] * 4
    assert other.project(weight).shape == weight.shape
    assert WeightClustering.from_config(other.get_config()).channel_axis == -2
