"""Calibration error and Dice score against torchmetrics."""

import numpy as np
import pytest
from keras import ops

from kerazoo.metrics import DiceScore, ExpectedCalibrationError

torch = pytest.importorskip("torch")
classification = pytest.importorskip("torchmetrics.functional.classification")
segmentation = pytest.importorskip("torchmetrics.segmentation")

CASES = 200
NORMS = ["l1", "l2", "max"]


def draw(seed):
    """Number of samples, bins, whether logits; confidences on no edge, where the two differ."""
    rng = np.random.default_rng(seed)
    return rng, int(rng.choice([1, 3, 30, 200])), int(rng.choice([1, 5, 15])), bool(seed % 2)


@pytest.mark.parametrize("norm", NORMS)
def test_binary_calibration_error(norm):
    for seed in range(CASES):
        rng, samples, bins, from_logits = draw(seed)
        logits = torch.tensor(rng.normal(0, 2, samples).astype("float32"))
        labels = torch.tensor(rng.integers(0, 2, samples) if seed % 9 else np.ones(samples, int))
        probabilities = torch.sigmoid(logits)
        expected = classification.binary_calibration_error(probabilities, labels, bins, norm)
        metric = ExpectedCalibrationError(bins, norm, from_logits)
        metric.update_state(labels.numpy(), (logits if from_logits else probabilities).numpy())
        assert float(metric.result()) == pytest.approx(float(expected), abs=1e-6), seed


@pytest.mark.parametrize("norm", NORMS)
def test_multiclass_calibration_error(norm):
    for seed in range(CASES):
        rng, samples, bins, from_logits = draw(seed)
        logits = torch.tensor(rng.normal(0, 2, (samples, 4)).astype("float32"))
        labels = torch.tensor(rng.integers(0, 4, samples) if seed % 9 else np.zeros(samples, int))
        probabilities = torch.softmax(logits, -1)
        expected = classification.multiclass_calibration_error(
            probabilities, labels, num_classes=4, n_bins=bins, norm=norm
        )
        metric = ExpectedCalibrationError(bins, norm, from_logits)
        metric.update_state(labels.numpy(), (logits if from_logits else probabilities).numpy())
        assert float(metric.result()) == pytest.approx(float(expected), abs=1e-6), seed


@pytest.mark.parametrize("average", ["micro", "macro", None])
def test_dice_score_over_the_data_set(average):
    """Label masks, absent classes, two batches."""
    for seed in range(CASES):
        rng = np.random.default_rng(seed)
        labels, said = rng.integers(0, rng.integers(1, 5), (2, 6, 5, 4))
        oracle = segmentation.DiceScore(
            num_classes=4,
            average=average,
            input_format="index",
            aggregation_level="global",
        )
        metric = DiceScore(4, average)
        for batch in (slice(0, 2), slice(2, 6)):
            oracle.update(torch.tensor(said[batch]), torch.tensor(labels[batch]))
            metric.update_state(labels[batch], said[batch])
        got, expected = ops.convert_to_numpy(metric.result()), oracle.compute().numpy()
        np.testing.assert_allclose(got, np.squeeze(expected), atol=1e-6, err_msg=f"seed {seed}")


@pytest.mark.parametrize("average", ["micro", "macro", None])
def test_dice_score_is_the_f1_of_the_elements(average):
    """With an ignored label that is none of the classes; torchmetrics has 0 where ours is NaN."""
    for seed in range(CASES):
        rng = np.random.default_rng(seed)
        labels, said = rng.integers(0, 4, (2, 6, 20))
        labels[:, :4], said[:, 4:8] = [0, 1, 2, 3], [0, 1, 2, 3]  # no class is absent
        labels[:, 8:10] = 255
        expected = classification.multiclass_f1_score(
            torch.tensor(said), torch.tensor(labels), 4, average or "none", ignore_index=255
        )
        metric = DiceScore(4, average, ignore_class=255)
        metric.update_state(labels, said)
        got = ops.convert_to_numpy(metric.result())
        np.testing.assert_allclose(got, expected.numpy(), atol=1e-6, err_msg=f"seed {seed}")
