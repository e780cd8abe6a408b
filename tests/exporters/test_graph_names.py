import pytest

from kerazoo.exporters.graph_names import display, layers_in

PATHS = [("net", "conv"), ("net", "conv_1"), ("net", "block", "conv"), ("net", "block")]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("net_1/conv_2/Relu", ["conv"]),
        ("net_1/block_1/conv_1/Relu", ["block/conv"]),  # the innermost, not the block
        ("net_1/conv_1_1/Relu;net_1/conv_2/Add", ["conv_1", "conv"]),
        ("net_1/conv_1/Relu", ["conv", "conv_1"]),  # the names alone cannot tell
        ("net_1/conv_1/MatMul@__inference_serve_12", ["conv", "conv_1"]),
        ("other_1/conv_1/Relu", []),
        ("arith.constant", []),
        ("net_1/convolution/Relu", []),
    ],
)
def test_layers_in_a_name(name, expected):
    assert [display(path) for path in layers_in(name, PATHS)] == expected
