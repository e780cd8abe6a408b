"""Small models through quantize_aware and export: integer files that compute what was trained."""

import warnings

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo.compress import calibrate, quantize_aware
from kerazoo.exporters.operators import float_operators, list_operators
from tests.compress.small_graphs import GRAPHS, build, samples

DEFAULT = {"attention", "layer_norm", "mobilenet_v3_block", "softmax_head"}
"""Those that every run of the tests converts, beside the nets of test_quantize_aware.py (residual,
concatenation, pooling) and test_same_integers.py (separable convolution); the others are slow."""

LONG_CHAINS = {"group_norm", "gru", "lstm"}
"""Beyond the bar's list: a value that rounds the other way is carried through ten or more integer
operators. At the end 95 % are within one step, none beyond four."""


def trained(name):
    """The quantization-aware model after two training steps and calibration, and its inputs."""
    model = quantize_aware(build(name))
    inputs = samples(model)
    outputs = keras.tree.map_structure(lambda y: np.tanh(np.asarray(y)), model(inputs))
    model.compile(keras.optimizers.SGD(1e-3), "mse", run_eagerly=True)
    for _ in range(2):
        model.train_on_batch(inputs, outputs)
    calibrate(model, inputs)
    return model, inputs


@pytest.mark.parametrize(
    "name",
    [name if name in DEFAULT else pytest.param(name, marks=pytest.mark.slow) for name in GRAPHS],
)
def test_file_is_integer_and_within_a_step(name, tmp_path):
    model, inputs = trained(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        report = kerazoo.export(model, tmp_path / "model.tflite")
    content = (tmp_path / "model.tflite").read_bytes()
    assert float_operators(list_operators(content)) == ()
    file = kerazoo.load_tflite(tmp_path / "model.tflite")
    got = file(inputs)
    got = list(got.values()) if isinstance(got, dict) else [got]
    want = [np.asarray(y) for y in keras.tree.flatten(model(inputs))]
    for mine, its, step in zip(got, want, output_steps(content), strict=True):
        difference = np.abs(mine - its) / step
        assert its.std() > 4 * step, "the output is all but constant"
        assert np.mean(difference <= 1.01) >= (0.95 if name in LONG_CHAINS else 0.99)
        assert difference.max() <= (4.01 if name in LONG_CHAINS else 3.01)
    steps = report.per_layer
    assert steps.coverage == 1.0
    assert steps.is_sound or (name in LONG_CHAINS and steps.share_within_one >= 0.995), steps


def output_steps(content):
    """The scale of each output of the file, before it is dequantized."""
    from kerazoo.exporters.flatbuffer import unpack

    model = unpack(content)
    graph = model.subgraphs[0]
    by_output = {int(op.outputs[0]): op for op in graph.operators}
    names = {t.tensorIndex: t.name.decode() for t in model.signatureDefs[0].outputs}
    steps = []
    for index in sorted(names, key=lambda index: names[index]):
        source = graph.tensors[int(by_output[index].inputs[0])]
        steps.append(float(source.quantization.scale[0]))
    return steps
