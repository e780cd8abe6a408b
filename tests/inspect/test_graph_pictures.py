"""Graphs as files: SVG read by an XML parser, DOT by pydot, text by its lines."""

import itertools
import re
import xml.etree.ElementTree as ElementTree

import pytest
import tensorflow as tf

from kerazoo.errors import ConfigError, RunError
from kerazoo.inspect import graph
from kerazoo.inspect._layered_layout import place

SVG = "{http://www.w3.org/2000/svg}"


def boxes(svg):
    """Name -> (left, top, right, bottom) of each node that is drawn, and its lines of text."""
    root = ElementTree.fromstring(svg)
    found = {}
    for group in root.iter(f"{SVG}g"):
        if (rectangle := group.find(f"{SVG}rect")) is not None:
            x, y, width, height = (float(rectangle.get(k)) for k in ("x", "y", "width", "height"))
            lines = [text.text for text in group.findall(f"{SVG}text")]
            found[group.find(f"{SVG}title").text] = ((x, y, x + width, y + height), lines)
    return found


def arrows(svg):
    """((x, y) of the start, (x, y) of the tip) of each line."""
    paths = [path for path in ElementTree.fromstring(svg).iter(f"{SVG}path") if path.get("class")]
    points = [list(map(float, re.findall(r"-?[\d.]+", path.get("d")))) for path in paths]
    return [((each[0], each[1]), (each[-2], each[-1])) for each in points]


@pytest.mark.parametrize("stage", ["before", "after", "inlined"])
def test_a_picture_shows_each_box_once_and_none_over_another(recurrent, stage):
    found = graph(recurrent)
    found = {"before": found, "after": found.after, "inlined": found.inlined()}[stage]
    drawn = boxes(found.to_svg())
    assert set(found.inputs) <= set(drawn)
    for (one, _), (other, _) in itertools.combinations(drawn.values(), 2):
        assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


def test_a_picture_has_the_edges_between_what_it_shows(cnn):
    found = graph(cnn)
    svg = found.to_svg()
    drawn = boxes(svg)

    def ends_of(start, tip):
        source = next(
            n for n, (b, _) in drawn.items() if b[0] < start[0] < b[2] and b[3] == start[1]
        )
        target = next(n for n, (b, _) in drawn.items() if b[0] < tip[0] < b[2] and b[1] == tip[1])
        return source, target

    expected = {(e.source, e.target) for e in found.edges if {e.source, e.target} <= set(drawn)}
    assert {ends_of(*arrow) for arrow in arrows(svg)} == expected
    assert all(tip[1] > start[1] for start, tip in arrows(svg))


def test_weights_stand_in_the_boxes_that_take_them(cnn):
    lines = {text[0]: text for _, text in boxes(graph(cnn).to_svg()).values()}
    assert "kernel 3x3x1x4" in lines["Conv2D"]
    assert "kernel 100x10" in lines["MatMul"]
    assert {"gamma 4", "moving_variance 4"} <= set(lines["Mul"])
    assert "float32[?, 10, 10, 4]" in lines["Conv2D"]
    after = {text[0]: text for _, text in boxes(graph(cnn).after.to_svg()).values()}
    assert "_FusedConv2D (BiasAdd + Relu)" in after


def test_names_from_code_do_not_break_the_files():
    found = graph(lambda x: x + 1, tf.TensorSpec((2,)))
    assert found.name == "<lambda>"
    assert "<lambda>" in ElementTree.fromstring(found.to_svg()).find(f"{SVG}title").text
    assert '"<lambda>"' in found.to_dot()


def test_dot_has_every_node_and_edge(cnn):
    pydot = pytest.importorskip("pydot")
    found = graph(cnn)
    (read,) = pydot.graph_from_dot_data(found.to_dot())
    nodes, edges = list(read.get_nodes()), list(read.get_edges())
    for cluster in read.get_subgraphs():
        nodes += cluster.get_nodes()
    names = {node.get_name().strip('"') for node in nodes} - {"node"}
    assert names == {node.name for node in found.nodes}
    expected = [(e.source, e.target) for e in found.edges] + list(found.control_edges)
    ends = [(e.get_source().strip('"'), e.get_destination().strip('"')) for e in edges]
    assert sorted(ends) == sorted(expected)


def test_text_has_a_line_for_every_node_under_its_layer(cnn):
    found = graph(cnn)
    text = str(found)
    assert text.startswith(f"digits: {len(found.nodes)} nodes, {len(found.edges)} edges")
    conv = text.split("/conv_1\n")[1].split("\n\n")[0]
    assert re.search(r"^  convolution +Conv2D +float32\[\?, 10, 10, 4\] +<- inputs_0, ", conv, re.M)
    assert "head" not in conv
    assert re.search(r"^  digits/conv/kernel +float32\[3, 3, 1, 4\]$", text, re.M)
    assert f"after Grappler: {len(found.after.nodes)} nodes" in text
    assert "fused    Conv2D + BiasAdd + Relu, MatMul + BiasAdd" in text
    lines = sum(f" {node.op}" in text for node in found.nodes)
    assert lines == len(found.nodes)


def test_functions_are_named_where_they_are_called(recurrent):
    found = graph(recurrent)
    (loop,) = (node for node in found.nodes if node.functions)
    text = str(found)
    assert f"body={loop.functions['body']}" in text
    assert f"function {loop.functions['body']}\n" in text


def test_the_ending_decides_and_files_appear_whole(cnn, tmp_path, monkeypatch):
    found = graph(cnn)
    expected = {".svg": found.to_svg(), ".dot": found.to_dot(), ".txt": str(found)}
    for ending, content in expected.items():
        path = found.save(tmp_path / f"graph{ending}")
        assert path.read_text() == content + "\n"
    with pytest.raises(ConfigError, match=r"ends in .svg, .dot, .txt. Received: .*graph.png"):
        found.save(tmp_path / "graph.png")

    def full(self, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    with pytest.raises(RunError, match="No space left"):
        found.save(tmp_path / "graph.svg")
    assert (tmp_path / "graph.svg").read_text() == expected[".svg"] + "\n"


def test_layers_are_as_deep_as_the_longest_way():
    sizes = [(40.0, 20.0)] * 5
    layout = place(sizes, [(0, 1), (1, 2), (0, 2), (2, 3), (4, 3)])
    rows = [y for _, y in layout.centres]
    assert rows[0] < rows[1] < rows[2] < rows[3]
    assert rows[4] == rows[2]  # an input stands right above what takes it
    long_way = layout.routes[2]
    assert len(long_way) == 4  # it bends around the box between
    assert abs(long_way[1][0] - layout.centres[1][0]) >= 20.0


def test_boxes_stand_where_least_squares_puts_them():
    layout = place([(40.0, 20.0)] * 4, [(0, 1), (0, 2), (0, 3)])
    x = [x for x, _ in layout.centres]
    below = sorted(x[1:])
    assert below[1] == pytest.approx(x[0])  # the parent over the middle of its children
    assert below[2] - below[1] == below[1] - below[0] == 64.0  # width and gap
    assert place([], []).centres == []
