import json

import pytest
from ai_edge_litert import schema_py_generated as schema

import kerazoo.exporters as exporters
from kerazoo.errors import DataError
from kerazoo.exporters import metadata


def entries(content):
    """Name -> bytes of the file's metadata, by the schema's own object API."""
    model = schema.ModelT.InitFromPackedBuf(content)
    return {e.name.decode(): bytes(model.buffers[e.buffer].data) for e in model.metadata}


def test_labels_and_facts_are_in_the_file(reports):
    stored = entries(reports["int8"].path.read_bytes())
    facts = json.loads(stored["kerazoo"])
    assert facts["labels"] == list("0123456789")
    assert facts["name"] == "net"
    assert facts["quantize"] == "int8"
    loaded = exporters.load_tflite(reports["int8"].path)
    assert loaded.metadata == facts
    assert loaded.labels == facts["labels"]


def test_the_converters_own_entries_stay(reports):
    stored = entries(reports["int8"].path.read_bytes())
    assert {"min_runtime_version", "CONVERSION_METADATA"} <= stored.keys()
    without = metadata.write(reports["int8"].path.read_bytes(), {"other": 1})
    again = entries(without)
    assert again["min_runtime_version"] == stored["min_runtime_version"]
    assert json.loads(again["kerazoo"]) == {"other": 1}  # replaced, not added


def test_any_script_survives(reports):
    content = metadata.write(reports[None].path.read_bytes(), {"labels": ["köpek", "犬", "🐕"]})
    assert metadata.read(content) == {"labels": ["köpek", "犬", "🐕"]}


def test_files_from_elsewhere_have_no_labels(reports, tmp_path):
    model = schema.ModelT.InitFromPackedBuf(reports[None].path.read_bytes())
    model.metadata = None
    from kerazoo.exporters.flatbuffer import pack

    (tmp_path / "m.tflite").write_bytes(pack(model))
    loaded = exporters.load_tflite(tmp_path / "m.tflite")
    assert (loaded.metadata, loaded.labels) == ({}, None)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["a", "b"], "each of the 3 classes of the output. Received: 2"),
        (list("abcd"), "Received: 4"),
        ("abc", "list of texts"),
        ([1, 2, 3], "list of texts"),
    ],
)
def test_labels_that_do_not_fit_are_refused(small, tmp_path, labels, message):
    with pytest.raises(DataError, match=message):
        exporters.export(small, tmp_path / "m.tflite", labels=labels)
    assert list(tmp_path.iterdir()) == []
