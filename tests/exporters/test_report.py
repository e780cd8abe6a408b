import json

import keras
import pytest

import kerazoo.exporters as exporters
from kerazoo.errors import DataError


def test_json_holds_what_the_table_shows(reports):
    report = reports["int8"]
    facts = json.loads(json.dumps(report.to_dict()))
    assert facts["path"] == str(report.path)
    assert facts["size_bytes"] == report.path.stat().st_size
    assert facts["ops"]["CONV_2D"] == 2
    assert facts["samples"] == 300
    assert facts["latency_us"].keys() == {"median", "p95", "threads", "runs"}
    assert 0 < facts["latency_us"]["median"] <= facts["latency_us"]["p95"]
    text = str(report)
    assert f"{report.size_bytes:,} bytes" in text
    assert "integer only" in text
    assert "1 thread" in text
    assert "\x1b" not in text


def test_layer_errors_are_in_the_json_once_asked_for(small, numbers, tmp_path):
    report = exporters.export(small, tmp_path / "m.tflite", calibration=numbers)
    assert report.to_dict()["per_layer"] is None
    assert [entry.layer for entry in report.per_layer] == ["y"]
    assert json.loads(json.dumps(report.to_dict()))["per_layer"][0]["layer"] == "y"


def test_unverified_exports_say_so(small, tmp_path):
    report = exporters.export(small, tmp_path / "m.tflite", verify=False)
    assert report.data == "not compared"
    assert (report.agreement, report.latency_us, report.per_layer) == (None, None, None)
    assert report.ops == {"FULLY_CONNECTED": 1}
    assert "not compared" in str(report)


def test_constant_outputs_are_pointed_out(small, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr("kerazoo.notices._said", set())
    small.layers[-1].kernel.assign(small.layers[-1].kernel * 0)
    exporters.export(small, tmp_path / "m.tflite")
    assert "hardly differ" in caplog.text


def test_booleans_are_compared_too(tmp_path, numbers):
    inputs = keras.Input((4,))
    scores = keras.layers.Dense(3, use_bias=False)(inputs)
    model = keras.Model(inputs, keras.ops.greater(scores, 0.0))
    report = exporters.export(model, tmp_path / "m.tflite", calibration=numbers)
    assert (report.agreement, report.max_abs_error) == (1.0, 0.0)


def test_latency_of_a_file(reports):
    latency = exporters.measure_latency(reports["int8"].path, threads=2, runs=20)
    assert (latency.threads, latency.runs) == (2, 20)
    assert 0 < latency.median <= latency.p95


@pytest.mark.parametrize("arguments", [{"threads": 0}, {"runs": 0}])
def test_latency_arguments_out_of_range(reports, arguments):
    with pytest.raises(DataError, match="must be 1 or above"):
        exporters.measure_latency(reports["int8"].path, **arguments)


def test_latency_stops_in_time(reports):
    latency = exporters.measure_latency(reports["int8"].path, runs=10**9, seconds=0.05)
    assert 1 <= latency.runs < 10**7
