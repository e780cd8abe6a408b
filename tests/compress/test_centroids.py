"""The values that clusters start with, against scikit-learn's k-means and the definition."""

import numpy as np
import pytest
from keras.ops import convert_to_tensor as tensor
from sklearn.cluster import KMeans

from kerazoo.compress._centroids import INITS, fit_centroids
from kerazoo.compress._nearest_centroids import cluster_means, nearest_ids, take_centroids
from kerazoo.errors import UnknownNameError

VALUES = np.random.default_rng(3).standard_t(4, 3000).astype("float32")


def inertia(values, centroids):
    return float(np.min((values[:, None] - centroids.astype("float64")) ** 2, axis=1).sum())


def starts(init, count):
    if init == "linear":
        return np.linspace(VALUES.min(), VALUES.max(), count)
    return np.quantile(VALUES, [(2 * i + 1) / (2 * count) for i in range(count)])


@pytest.mark.parametrize("init", ["linear", "density"])
def test_fixed_starts_end_where_scikit_learn_ends(init):
    start = starts(init, 6)[:, None].astype("float64")
    oracle = KMeans(6, init=start, n_init=1, tol=0, max_iter=5000, algorithm="lloyd")
    oracle.fit(VALUES[:, None].astype("float64"))
    expected = np.sort(oracle.cluster_centers_.ravel())
    np.testing.assert_allclose(fit_centroids(VALUES, 6, init, 0), expected, atol=1e-5)


@pytest.mark.parametrize("clusters", [2, 5, 16])
def test_drawn_starts_are_as_good_as_those_of_scikit_learn(clusters):
    oracle = KMeans(clusters, n_init=10, random_state=0).fit(VALUES[:, None])
    best = inertia(VALUES, oracle.cluster_centers_.ravel())
    assert inertia(VALUES, fit_centroids(VALUES, clusters, "kmeans++", 0)) < 1.15 * best


@pytest.mark.parametrize("init", INITS)
def test_centroids_are_sorted_means_of_what_is_nearest(init):
    found = fit_centroids(VALUES, 8, init, seed=1)
    assert np.array_equal(found, np.sort(found))
    assert found.dtype == "float32"
    nearest = np.argmin(np.abs(VALUES[:, None] - found), axis=1)
    for number in np.unique(nearest):
        assert found[number] == pytest.approx(VALUES[nearest == number].mean(), abs=1e-3)


@pytest.mark.parametrize("init", INITS)
def test_the_seed_decides(init):
    first, again = (fit_centroids(VALUES, 8, init, seed=5) for _ in range(2))
    assert np.array_equal(first, again)
    start, other = (INITS[init](np.sort(VALUES), 8, np.random.default_rng(s)) for s in (5, 6))
    assert np.array_equal(start, other) != (init in ("kmeans++", "random"))


@pytest.mark.parametrize("init", INITS)
@pytest.mark.parametrize("values", [[0.5], [0.5] * 9, [1.0, -1.0, 1.0]])
def test_few_distinct_values(init, values):
    found = fit_centroids(values, 4, init, seed=0)
    assert found.shape == (4,)
    assert np.isfinite(found).all()
    if init != "random":  # which may draw one value four times
        assert inertia(np.array(values), found) == pytest.approx(0, abs=1e-9)


def test_unknown_init():
    with pytest.raises(UnknownNameError, match="kmeans"):
        fit_centroids(VALUES, 4, "kmean++", 0)


@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize("clusters", [1, 2, 3, 16, 33])
def test_nearest_and_means_by_definition(groups, clusters):
    rng = np.random.default_rng(clusters)
    values = rng.normal(size=(groups, 211)).astype("float32")
    centroids = np.sort(rng.normal(size=(groups, clusters)).astype("float32"))
    if clusters > 2:
        centroids[:, -1] = np.inf
    ids = np.array(nearest_ids(values, centroids))
    expected = np.argmin(np.abs(values[..., None] - centroids[:, None]), axis=-1)
    assert np.array_equal(ids, expected)
    taken = np.asarray(take_centroids(tensor(centroids), tensor(ids)))
    assert np.array_equal(taken, np.take_along_axis(centroids, expected, 1))
    ids[:, ::5] = clusters  # left out
    means = np.asarray(cluster_means(*map(tensor, (values, ids, centroids))))
    for group in range(groups):
        for number in range(clusters):
            members = values[group][ids[group] == number].astype("float64")
            mean = members.mean() if members.size else centroids[group, number]
            assert means[group, number] == pytest.approx(mean, abs=1e-6)


def test_means_of_millions_keep_their_digits():
    values = np.random.default_rng(0).uniform(0.9, 1.1, (1, 2_000_000)).astype("float32")
    means = cluster_means(values, np.zeros(values.shape, "int32"), np.zeros((1, 1), "float32"))
    assert float(means[0, 0]) == pytest.approx(values.astype("float64").mean(), abs=1e-6)
