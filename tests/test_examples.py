"""Every script in examples/ runs as a reader would run it, and says what it should."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
SAYS = {
    "name_to_tflite.py": "integer only",
}
SAYS_LATER = {
    "cnn_on_mnist.py": "most common mistake: a",
    "fine_tuning_with_hub_layer.py": "kerazoo.fine_tune: ",
    "quantization_pruning_distillation.py": "distilled, int8",
    "rnn_on_time_series.py": "as a file: ",
    "sequence_models.py": "whole words right: ",
    "transfer_learning_from_hub.py": "frozen: 254 variables, 0 trained",
    "batching.py": "the fifth one again after a restart: True",
    "custom_layer.py": "loaded in safe mode, same outputs: True",
    "custom_metric.py": "PrecisionAtK(k=2) 0.4755",
    "custom_training_loop.py": "accuracy with sharpness-aware steps",
    "dataflow_graph.py": "Conv2D + BiasAdd + Relu are one operation now",
    "eager_graph_xla.py": "four calls, two traces",
    "linear_regression.py": "closed form 0.357",
    "gpu_and_tpu.py": "gpu -> No GPU was found",
    "multi_device_training.py": "replicas: 2",
    "saving_and_loading.py": "tf.compat.v1.train.Saver   differs by 0.0e+00",
    "what_tensorflow_is_for.py": "the pole stood for all 500 steps",
    "tf1_mnist_to_keras3.py": "same predictions on 100.0% of 1000 test images",
    "training_and_evaluation.py": "expected calibration error",
    "variables_sessions_placeholders.py": "same numbers",
}
"""Likewise, in the slow tests."""
ELSEWHERE = {"reinforcement_learning.py"}
"""Runs in tests/rl, with the extra that it needs."""


def test_every_example_is_run():
    assert {path.name for path in EXAMPLES.glob("*.py")} == {*SAYS, *SAYS_LATER, *ELSEWHERE}


@pytest.mark.parametrize("script", sorted(SAYS))
def test_example(script, tmp_path):
    run(script, SAYS[script], tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("script", sorted(SAYS_LATER))
def test_example_of_a_topic(script, tmp_path):
    run(script, SAYS_LATER[script], tmp_path)


def run(script, words, folder):
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / script)],
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert words in done.stdout
