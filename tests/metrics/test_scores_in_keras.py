"""Calibration, Brier and Dice scores as Keras uses them: compiled, saved, in half precision."""

import keras
import numpy as np
import pytest
from keras import ops

from kerazoo.metrics import (
    BLEU,
    BrierScore,
    CharacterErrorRate,
    DiceScore,
    ExpectedCalibrationError,
    WordErrorRate,
)

# No argument at its default.
SCORES = {
    "calibration": lambda: ExpectedCalibrationError(7, "l2", from_logits=True, name="calibration"),
    "brier": lambda: BrierScore(from_logits=True, name="brier"),
    "dice": lambda: DiceScore(4, "micro", ignore_class=2, name="dice"),
    "overlap": lambda: DiceScore(4, None, threshold=-0.25, name="overlap"),
}
TEXTS = {
    "bleu": lambda: BLEU(3, "add-k", 0.5, "char", True, True, name="bleu_3"),
    "words": lambda: WordErrorRate(name="words"),
    "characters": lambda: CharacterErrorRate(name="characters"),
}


def draw(name, samples=90):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, samples)
    logits = rng.normal(0, 1, (samples, 4)).astype("float32")
    y_true = np.eye(4, dtype="int32")[labels] if name == "overlap" else labels
    return y_true, logits, rng.choice([0.0, 0.5, 2.0], samples).astype("float32")


def value(metric, *batch):
    metric.update_state(*batch)
    return ops.convert_to_numpy(metric.result())


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    return keras.Model(inputs, keras.layers.Dense(4, name="logits")(inputs))


@pytest.mark.parametrize("name", SCORES)
def test_evaluate_gives_what_update_state_gives(name, model):
    y_true, inputs, weights = draw(name)
    plain, weighted = SCORES[name](), SCORES[name]()
    model.compile(metrics=[plain], weighted_metrics=[weighted], loss="mse")
    one_hot = np.eye(4, dtype="float32")[y_true] if y_true.ndim == 1 else y_true
    model.evaluate(inputs, one_hot, 32, sample_weight=weights, verbose=0)
    outputs = model.predict(inputs, verbose=0)
    for metric, batch in ((plain, ()), (weighted, (weights,))):
        expected = value(SCORES[name](), one_hot, outputs, *batch)
        np.testing.assert_allclose(ops.convert_to_numpy(metric.result()), expected, rtol=1e-5)


@pytest.mark.parametrize("name", SCORES)
def test_one_batch_or_twenty(name):
    y_true, logits, weights = draw(name)
    one, twenty = SCORES[name](), SCORES[name]()
    for which in np.array_split(np.arange(len(logits)), 20):
        twenty.update_state(y_true[which], logits[which], weights[which])
    expected = value(one, y_true, logits, weights)
    np.testing.assert_allclose(ops.convert_to_numpy(twenty.result()), expected, rtol=1e-5)
    assert [variable.shape for variable in twenty.variables] == [v.shape for v in one.variables]


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_outputs_in_half_precision_are_widened_first(name, dtype):
    y_true, logits, weights = draw(name, samples=4096)
    halves = ops.cast(logits, dtype)
    expected = value(SCORES[name](), y_true, ops.cast(halves, "float32"), weights)
    got = value(SCORES[name](), y_true, halves, ops.cast(weights, dtype))
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("name", SCORES)
def test_compiled_without_a_model(name):
    """jax.jit, and XLA on TensorFlow, where an eager sum could be reordered."""
    y_true, logits, weights = (ops.convert_to_tensor(values) for values in draw(name))
    metric = SCORES[name]()
    expected = value(SCORES[name](), y_true, logits, weights)
    if keras.backend.backend() == "jax":
        import jax

        state = jax.jit(metric.stateless_update_state)(
            [v.value for v in metric.variables], y_true, logits, weights
        )
        got = jax.jit(metric.stateless_result)(state)
    elif keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        signature = [
            tf.TensorSpec([None, *v.shape[1:]], v.dtype) for v in (y_true, logits, weights)
        ]
        tf.function(metric.update_state, signature, autograph=False, jit_compile=True)(
            y_true, logits, weights
        )
        got = metric.result()
    else:
        pytest.skip("PyTorch runs eagerly")
    np.testing.assert_allclose(ops.convert_to_numpy(got), expected, rtol=1e-6)


@pytest.mark.parametrize("name", SCORES)
def test_a_saved_model_brings_its_metric_back(name, model, tmp_path):
    y_true, inputs, _ = draw(name)
    y_true = np.eye(4, dtype="float32")[y_true] if y_true.ndim == 1 else y_true
    model.compile(metrics=[SCORES[name]()], loss="mse", run_eagerly=True)
    expected = model.evaluate(inputs, y_true, verbose=0, return_dict=True)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    got = loaded.evaluate(inputs, y_true, verbose=0, return_dict=True)
    assert got.keys() == expected.keys() == {"loss", SCORES[name]().name}
    for key, number in expected.items():
        np.testing.assert_array_equal(got[key], number)


@pytest.mark.parametrize("name", SCORES)
def test_a_mask_of_the_model_leaves_its_predictions_out(name):
    keras.utils.set_random_seed(0)
    y_true, _, weights = (values[:40].reshape(8, 5, *values.shape[1:]) for values in draw(name))
    tokens = np.random.default_rng(1).integers(0, 3, (8, 5))  # 0 is masked
    inputs = keras.Input((5,), dtype="int32")
    model = keras.Model(inputs, keras.layers.Embedding(3, 4, "normal", mask_zero=True)(inputs))
    plain, weighted = SCORES[name](), SCORES[name]()
    model.compile(
        metrics=[plain],
        weighted_metrics=[weighted],
        loss=lambda y_true, y_pred: ops.mean(y_pred, axis=-1),
        run_eagerly=True,
    )
    # In one batch, as on PyTorch the masked loss of Keras scales the weights of each, in place.
    model.evaluate(tokens, y_true, 8, sample_weight=weights, verbose=0)
    outputs, seen = model.predict(tokens, verbose=0), tokens != 0
    for metric, more in ((plain, ()), (weighted, (weights[seen],))):
        expected = value(SCORES[name](), y_true[seen], outputs[seen], *more)
        np.testing.assert_allclose(ops.convert_to_numpy(metric.result()), expected, rtol=1e-5)


@pytest.mark.parametrize("name", TEXTS)
def test_text_metrics_come_back_from_their_config(name):
    metric = TEXTS[name]()
    twin = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metric))
    assert twin.get_config() == metric.get_config()
    batch = ["A cat sat", "on"], ["a cat sit", "in"]
    assert value(twin, *batch) == value(metric, *batch)


def test_counts_beyond_what_float32_can_tell_apart():
    metric = DiceScore(2, average=None)
    metric.sums.assign(ops.convert_to_tensor([[[2.0**24] * 2] * 3, [[0.0] * 2] * 3], "float32"))
    for _ in range(32):
        metric.update_state([[0, 1]], [[0, 1]])
    counts = ops.convert_to_numpy(metric.sums).astype("float64").sum(axis=0)
    np.testing.assert_array_equal(counts, 2**24 + 32)
