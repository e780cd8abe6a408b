"""The metrics at k and of rankings inside `fit`, `evaluate`, saved models, compiled functions."""

import keras
import numpy as np
import pytest
from keras import ops

from kerazoo.errors import DataError
from kerazoo.metrics import (
    NDCG,
    FBetaAtK,
    HitRateAtK,
    MeanAveragePrecision,
    MeanReciprocalRank,
    PrecisionAtK,
    RecallAtK,
)

BACKEND = keras.backend.backend()
CLASSES, SAMPLES, BATCH = 5, 37, 8  # the last batch is shorter
RNG = np.random.default_rng(0)
X = RNG.normal(size=(SAMPLES, 3)).astype("float32")
IDS = RNG.integers(0, CLASSES, SAMPLES)
WEIGHTS = RNG.random(SAMPLES).astype("float32")
RELEVANCE = RNG.integers(-1, 3, (SAMPLES, CLASSES)).astype("float32")


def at_k():
    return [
        PrecisionAtK(2, average=None, name="precision_of_each"),
        RecallAtK(2, average="macro", ignore_class=3),
        FBetaAtK(2, beta=2.0, average="weighted"),
        HitRateAtK(2),
    ]


def rankings():
    return [MeanReciprocalRank(3), MeanAveragePrecision(), NDCG(4, gain="exponential")]


def masked_loss(y_true, y_pred):
    return ops.mean(ops.where(y_true < 0, 0.0, ops.square(y_true - y_pred)))


def compiled(loss, **arguments):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(CLASSES)])
    model.compile("sgd", loss, **arguments)
    return model


def by_hand(metrics, *batch):
    """name -> value, from a single update."""
    values = {}
    for metric in metrics:
        metric.update_state(*batch)
        values[metric.name] = ops.convert_to_numpy(metric.result())
    return values


def assert_agree(logs, expected):
    for name, value in expected.items():
        np.testing.assert_allclose(logs[name], value, rtol=1e-5, err_msg=name)


def test_at_k_in_fit_and_evaluate():
    """Class ids as a vector in training, as a column in the rest."""
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model = compiled(loss, metrics=at_k())
    column = IDS[:, None]
    history = model.fit(X, IDS, BATCH, epochs=2, verbose=0, validation_data=(X, column)).history
    scores = model.predict(X, verbose=0)
    expected = by_hand(at_k(), IDS, scores)
    assert_agree(model.evaluate(X, column, BATCH, verbose=0, return_dict=True), expected)
    assert_agree({name: history[f"val_{name}"][-1] for name in expected}, expected)
    assert history["precision_of_each"][0].shape == (CLASSES,)


def test_weighted_metrics_get_the_weights():
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model = compiled(loss, weighted_metrics=at_k(), run_eagerly=True)
    logs = model.evaluate(X, IDS, BATCH, sample_weight=WEIGHTS, verbose=0, return_dict=True)
    assert_agree(logs, by_hand(at_k(), IDS, model.predict(X, verbose=0), WEIGHTS))


def test_rankings_in_fit_and_evaluate():
    model = compiled(masked_loss, metrics=rankings())
    history = model.fit(X, RELEVANCE, BATCH, epochs=1, verbose=0, validation_split=0.3).history
    assert {f"val_{metric.name}" for metric in rankings()} < history.keys()
    logs = model.evaluate(X, RELEVANCE, BATCH, verbose=0, return_dict=True)
    assert_agree(logs, by_hand(rankings(), RELEVANCE, model.predict(X, verbose=0)))


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_scores_are_counted_in_float32(policy):
    """Beside a weight of 4,096, half precision would not see a single miss."""
    keras.config.set_dtype_policy(policy)
    try:
        metrics = [*at_k(), *rankings()]
        assert {v.dtype for metric in metrics for v in metric.variables} == {"float32"}
        scores = ops.cast([[0.9, 0.8, 0.1]], policy.removeprefix("mixed_"))
        metric = PrecisionAtK(1)
        metric.update_state([0], scores, [4096.0])
        for _ in range(16):
            metric.update_state([1], scores)
        assert float(metric.result()) == pytest.approx(4096 / 4112, rel=1e-6)
    finally:
        keras.config.set_dtype_policy("float32")


def test_a_saved_model_has_them_again(tmp_path):
    own = [
        PrecisionAtK(2, average=None, ignore_class=4, name="one"),
        RecallAtK(3, average="macro", ignore_class=4, name="two"),
        FBetaAtK(2, beta=0.5, average="weighted", ignore_class=4, name="three"),
        HitRateAtK(2, average="macro", ignore_class=4, name="four"),
    ]
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    model = compiled(loss, metrics=own, run_eagerly=True)
    rows = np.eye(CLASSES, dtype="float32")[IDS]
    expected = model.evaluate(X, rows, BATCH, verbose=0, return_dict=True)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    assert_agree(again.evaluate(X, rows, BATCH, verbose=0, return_dict=True), expected)


def test_a_saved_ranking_model_has_them_again(tmp_path):
    own = [
        MeanReciprocalRank(1, name="one"),
        MeanAveragePrecision(2, name="two"),
        NDCG(3, gain="exponential", name="three"),
    ]
    model = compiled("mse", metrics=own, run_eagerly=True)
    expected = model.evaluate(X, RELEVANCE, BATCH, verbose=0, return_dict=True)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    assert_agree(again.evaluate(X, RELEVANCE, BATCH, verbose=0, return_dict=True), expected)


def test_callbacks_know_that_higher_is_better():
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model = compiled(loss, metrics=[RecallAtK(2)], run_eagerly=True)
    stop = keras.callbacks.EarlyStopping("val_recall_at_k", mode="auto")
    model.fit(X, IDS, verbose=0, validation_split=0.5, callbacks=[stop])
    assert stop.monitor_op(0.6, 0.5)


def test_too_large_a_k_is_one_line_in_fit():
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model = compiled(loss, metrics=[PrecisionAtK(CLASSES + 1)])
    with pytest.raises(DataError, match="`k` must not exceed the number of classes") as error:
        model.fit(X, IDS, verbose=0)
    assert "\n" not in str(error.value)


@pytest.mark.usefixtures("tensorflow_backend")
@pytest.mark.parametrize("jit", [False, True])
def test_inside_a_function_of_the_users(jit):
    """The first update makes the state, in the graph too; the batch may be of any size."""
    import tensorflow as tf

    kinds = [(at_k, IDS), (rankings, RELEVANCE)]
    cases = [(*pair, y) for made, y in kinds for pair in zip(made(), made(), strict=True)]
    for metric, expected, y_true in cases[::3] if jit else cases:  # `fit` uses XLA for all of them
        scores = X @ np.ones((3, CLASSES), "float32") * np.arange(-2.0, 3.0, dtype="float32")
        spec = [tf.TensorSpec([None, *a.shape[1:]], a.dtype) for a in (y_true, scores, WEIGHTS)]
        update = tf.function(metric.update_state, input_signature=spec, jit_compile=jit)
        for start, stop in [(0, 10), (10, 11), (11, 37)]:
            update(y_true[start:stop], scores[start:stop], WEIGHTS[start:stop])
        want = by_hand([expected], y_true, scores, WEIGHTS)[expected.name]
        np.testing.assert_allclose(metric.result(), want, rtol=1e-5, err_msg=metric.name)


@pytest.mark.usefixtures("tensorflow_backend")
def test_misfits_are_found_while_tracing():
    import tensorflow as tf

    @tf.function(autograph=False)
    def update(metric, labels, scores):
        metric.update_state(labels, scores)

    one, six = tf.zeros([4], tf.int32), tf.zeros([4, 6])
    with pytest.raises(DataError, match="`k` must not exceed the number of classes") as error:
        update(RecallAtK(7), one, six)
    assert "\n" not in str(error.value)
    with pytest.raises(DataError, match="`k` must not exceed the number of items") as error:
        update(NDCG(7), six, six)
    assert "\n" not in str(error.value)

    spec = [tf.TensorSpec([None, None])] * 2
    with pytest.raises(DataError, match="With `k`, the number of items must be known"):
        tf.function(NDCG(2).update_state, input_signature=spec, autograph=False)(six, six)
    with pytest.raises(DataError, match="with a known number of classes"):
        tf.function(RecallAtK(2).update_state, input_signature=spec, autograph=False)(six, six)


@pytest.mark.usefixtures("tensorflow_backend")
def test_without_k_lists_may_be_of_any_length_in_a_graph():
    import tensorflow as tf

    for metric, eager in zip(
        [MeanReciprocalRank(), MeanAveragePrecision(), NDCG()],
        [MeanReciprocalRank(), MeanAveragePrecision(), NDCG()],
        strict=True,
    ):
        update = tf.function(metric.update_state, input_signature=[tf.TensorSpec([None, None])] * 2)
        for items in (1, 3, 5):
            batch = RELEVANCE[:, :items], X[:, :1] * np.arange(items, dtype="float32")
            update(*batch)
            eager.update_state(*batch)
        assert float(metric.result()) == pytest.approx(float(eager.result()), rel=1e-6)


@pytest.mark.skipif(BACKEND != "jax", reason="needs KERAS_BACKEND=jax")
def test_stateless_updates_inside_jit():
    import jax

    scores = RNG.normal(size=(SAMPLES, CLASSES)).astype("float32")
    for metric, expected, y_true in [
        (RecallAtK(2, average="macro"), RecallAtK(2, average="macro"), IDS),
        (NDCG(2), NDCG(2), RELEVANCE),
    ]:
        if isinstance(metric, RecallAtK):
            metric.build(y_true.shape, scores.shape)
        state = [variable.value for variable in metric.variables]
        update = jax.jit(metric.stateless_update_state)
        for start, stop in [(0, 10), (10, 11), (11, 37)]:
            state = update(state, y_true[start:stop], scores[start:stop])
        want = by_hand([expected], y_true, scores)[expected.name]
        np.testing.assert_allclose(metric.stateless_result(state), want, rtol=1e-5)
