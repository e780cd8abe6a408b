"""All metrics spread over two replicas give the value of one."""

import pytest

CODE = """
import keras, numpy as np
from kerazoo.metrics import *

rng = np.random.default_rng(0)
inputs, ids = rng.normal(size=(37, 4)).astype("float32"), rng.integers(0, 5, 37)
relevance = rng.integers(-1, 3, (37, 5)).astype("float32")
weights = rng.random(37).astype("float32")
labels, both = {"classes": ids, "ranking": relevance}, {"classes": weights, "ranking": weights}
data = tf.data.Dataset.from_tensor_slices((inputs, labels, both)).batch(8)  # last: 5, not even

def metrics():
    at_k = [PrecisionAtK(2, average=None), PrecisionAtK(2, name="micro"),
            RecallAtK(2, average="macro"), FBetaAtK(2, average="weighted"),
            HitRateAtK(2), HitRateAtK(2, average=None, name="each")]
    scores = [ExpectedCalibrationError(from_logits=True), BrierScore(from_logits=True),
              DiceScore(5), DiceScore(5, "micro", ignore_class=1, name="dice_micro")]
    rankings = [MeanReciprocalRank(3), MeanAveragePrecision(), NDCG(4)]
    return {"classes": at_k + scores, "ranking": rankings}

def in_fit_and_evaluate():
    keras.utils.set_random_seed(0)
    x = keras.Input((4,))
    logits = keras.layers.Dense(5)(x)
    model = keras.Model(x, {"classes": logits, "ranking": keras.layers.Identity()(logits)})
    sparse = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    # Without steps, as Keras weighs samples of uneven parts unevenly, and models would differ.
    loss, still = {"classes": sparse, "ranking": "mse"}, keras.optimizers.SGD(0.0)
    model.compile(still, loss, weighted_metrics=metrics())
    numbers = {"fit_" + k: v[-1] for k, v in model.fit(data, verbose=0).history.items()}
    numbers |= model.evaluate(data, verbose=0, return_dict=True)
    numbers = {name: value for name, value in numbers.items() if "loss" not in name}
    return numbers, model.predict(inputs, batch_size=8, verbose=0)["classes"]

def in_loops(outputs):
    numbers = {}
    for metric in (WordErrorRate(), CharacterErrorRate(), BLEU(2)):
        for start in range(0, 37, 7):
            texts = [[str(10 * i + j) + " a b" for j in (0, k)]
                     for i, k in zip(range(start, 37), ids[start : start + 7])]
            metric.update_state([a for a, _ in texts], [b for _, b in texts])
        numbers[metric.name] = float(metric.result())
    boxes = BoxMeanAveragePrecision("xywh")
    found = np.abs(outputs[:, None, :4]) * [1, 1, 9, 9]
    truth = {"boxes": np.floor(found), "labels": ids[:, None]}
    boxes.update_state(truth, {"boxes": found, "labels": ids[:, None], "scores": found[..., 0]})
    return numbers | {"boxes": float(boxes.result())}

def values():
    numbers, outputs = in_fit_and_evaluate()
    return numbers | in_loops(outputs)

one = values()
with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
    two = values()
assert one.keys() == two.keys()
for name in one:
    np.testing.assert_allclose(two[name], one[name], rtol=1e-5, err_msg=name)
    assert np.all(0 <= one[name]) and 0 < np.mean(one[name]) < 2, name
    print(name, one[name])
"""


@pytest.mark.slow
def test_two_replicas_give_the_value_of_one(on_two_devices):
    printed = on_two_devices(CODE)
    assert printed.count("fit_") == 6 + 4 + 3
    assert printed.count("\n") >= 2 * (6 + 4 + 3) + 4
