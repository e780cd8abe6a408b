"""What `prune`, `cluster`, `strip` and `report` refuse: one line that says what to do."""

import keras
import numpy as np
import pytest
from keras import layers

from kerazoo.compress import (
    ConstantSparsity,
    PolynomialDecay,
    adaround,
    cluster,
    equalize,
    prune,
    quantize_aware,
    report,
    strip,
)
from kerazoo.errors import ConfigError


def dense_model():
    return keras.Sequential(
        [keras.Input((8,)), layers.Dense(4, name="a"), layers.Dense(2, name="b")]
    )


@pytest.mark.parametrize("sparsity", [1, -0.5, float("nan"), "0.5", True])
@pytest.mark.parametrize("schedule", [None, ConstantSparsity(0.5, 0)])
def test_a_sparsity_out_of_range_is_called_by_its_name(sparsity, schedule):
    with pytest.raises(ConfigError, match="`sparsity` must be a finite number"):
        prune(dense_model(), sparsity=sparsity, schedule=schedule)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"skip": None}, "`skip` must be a list of names.*None"),
        ({"skip": ["a", 5]}, "`skip` must be a list of names"),
        ({"pattern": "channel", "skip": 5}, "`skip` must be a list of names"),
        ({"pattern": "block", "block_size": 3}, "`block_size` must be two integers"),
        ({"pattern": "block", "block_size": (0, 1)}, "`block_size` must be an integer of 1"),
        ({"skip": ["*"]}, "no weight to prune"),
    ],
)
def test_arguments_of_prune(arguments, text):
    with pytest.raises(ConfigError, match=text):
        prune(dense_model(), **arguments)


@pytest.mark.parametrize("begin", ["a", None, -1, 1.5])
def test_the_first_step_of_a_schedule(begin):
    with pytest.raises(ConfigError, match="`begin_step` must be an integer of 0 or above"):
        PolynomialDecay(0.0, 0.5, begin, 10)


@pytest.mark.parametrize("function", [prune, cluster, strip, report])
@pytest.mark.parametrize("model", [None, "mnist_cnn", []])
def test_what_is_no_model(function, model):
    with pytest.raises(ConfigError, match="must be a Sequential or functional model"):
        function(model)


@pytest.mark.parametrize("function", [prune, cluster, strip, report])
def test_a_model_that_is_not_built(function):
    with pytest.raises(ConfigError, match="must be built"):
        function(keras.Sequential([layers.Dense(2)]))


@pytest.mark.parametrize("function", [prune, cluster])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite(function, value):
    model = dense_model()
    kernel = model.get_layer("b").kernel
    kernel.assign(np.where(np.eye(4, 2), value, kernel.numpy()))
    with pytest.raises(ConfigError, match=r"'b/kernel'.*not finite"):
        function(model)
    function(model, skip=["b"])


@pytest.mark.usefixtures("tensorflow_backend")
@pytest.mark.parametrize("function", [prune, cluster])
def test_quantized_models_are_compressed_too_late(function):
    with pytest.raises(ConfigError, match="quantize last"):
        function(quantize_aware(dense_model()))


@pytest.mark.parametrize(
    "function",
    [equalize, lambda m: adaround(m, np.ones((4, 8))), lambda m: prune(m, pattern="channel")],
)
@pytest.mark.parametrize("compress", [prune, lambda model: cluster(model, clusters=2)])
def test_pruned_and_clustered_models_are_to_be_stripped_first(function, compress):
    with pytest.raises(ConfigError, match=r"is pruned or clustered: .*strip\(model\)"):
        function(compress(dense_model()))


@pytest.mark.parametrize("pattern", ["unstructured", "2:4", "channel"])
@pytest.mark.parametrize("options", [{"block_size": (4, 4)}, {"block_pooling": "max"}])
def test_options_of_blocks_are_for_blocks(pattern, options):
    with pytest.raises(ConfigError, match='`block_size` and `block_pooling` are for `pattern="b'):
        prune(dense_model(), pattern=pattern, **options)
    prune(dense_model(), sparsity=0.5, block_size=[1, 4])  # as recipes say it, too


def test_nothing_to_cluster():
    with pytest.raises(ConfigError, match=r"no weight to cluster. Received: skip='\*'"):
        cluster(dense_model(), skip="*")
    with pytest.raises(ConfigError, match="no weight to cluster"):
        cluster(keras.Sequential([keras.Input((3,)), layers.ReLU()]))
