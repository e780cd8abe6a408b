import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import kerazoo.exporters as exporters
from kerazoo.errors import DataError


@pytest.fixture(scope="module")
def loaded(reports):
    return {mode: exporters.load_tflite(report.path) for mode, report in reports.items()}


@pytest.mark.parametrize("rows", [1, 2, 9])
def test_any_number_of_rows(loaded, net, digits, rows):
    actual = loaded[None](digits[2][:rows])
    assert actual.shape == (rows, 10)
    np.testing.assert_allclose(actual, net.predict(digits[2][:rows], verbose=0), atol=1e-4)
    np.testing.assert_array_equal(loaded[None].predict(digits[2][:rows]), actual)


def test_int8_files_take_and_give_real_numbers(loaded, digits):
    """The same file with float ends is the oracle: it quantizes inside the runtime."""
    real = loaded["int8_io"](digits[2][:50])
    assert real.dtype == np.float32
    step = loaded["int8_io"].signature.outputs[0].scale
    assert np.abs(real - loaded["int8"](digits[2][:50])).max() <= step * 1.001


def test_int8_arrays_are_passed_on_as_they_are(loaded, digits):
    model = loaded["int8_io"]
    (tensor,) = model.signature.inputs
    pixels = digits[2][:5]
    stored = np.rint(pixels / np.float32(tensor.scale)) + tensor.zero_point
    raw = np.clip(stored, -128, 127).astype("int8")
    np.testing.assert_array_equal(model(raw), model(pixels))


def test_results_stay_as_they_were_after_the_next_call(loaded, digits):
    first = loaded[None](digits[2][:1])
    kept = first.copy()
    loaded[None](digits[2][1:2])
    np.testing.assert_array_equal(first, kept)


def test_last_rows_of_a_larger_fixed_batch(small, numbers, tmp_path):
    exporters.export(small, tmp_path / "m.tflite", batch=4)
    model = exporters.load_tflite(tmp_path / "m.tflite")
    expected = small.predict(numbers, verbose=0)
    for rows in (1, 4, 6):
        np.testing.assert_allclose(model(numbers[:rows]), expected[:rows], atol=1e-5)


def test_threads_get_the_results_of_their_own_inputs(loaded, digits):
    expected = loaded[None](digits[2][:40])
    results = {}

    def work(start):
        results[start] = [loaded[None](digits[2][i : i + 1])[0] for i in range(start, 40, 4)]

    workers = [threading.Thread(target=work, args=(start,)) for start in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for start, rows in results.items():
        np.testing.assert_array_equal(rows, expected[start::4])


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (np.zeros((8, 8, 1)), r"must have the shape \(rows, 8, 8, 1\). Received: \(8, 8, 1\)"),
        (np.zeros((2, 9, 8, 1)), r"Received: \(2, 9, 8, 1\)"),
        (np.zeros((0, 8, 8, 1)), r"Received: \(0, 8, 8, 1\)"),
        (np.full((1, 8, 8, 1), "a"), "must hold numbers"),
        ({"images": np.zeros((1, 8, 8, 1))}, r"takes \['pixels'\].*\['images'\]"),
    ],
)
def test_unusable_inputs_are_one_clear_line(loaded, inputs, message):
    with pytest.raises(DataError, match=message) as caught:
        loaded["int8"](inputs)
    assert "\n" not in str(caught.value)


def test_nan_is_refused_where_integers_cannot_hold_it(loaded):
    with pytest.raises(DataError, match="NaN"):
        loaded["int8_io"](np.full((1, 8, 8, 1), np.nan))


@pytest.fixture(scope="module")
def whole_numbers(tmp_path_factory):
    """A file that gives a byte and an index back as they are, as floats."""
    import keras

    inputs = [keras.Input((1,), dtype=dtype, name=dtype) for dtype in ("uint8", "int32")]
    outputs = [keras.ops.cast(x, "float32") * 1.0 for x in inputs]
    model = keras.Model(inputs, keras.layers.Concatenate()(outputs))
    path = tmp_path_factory.mktemp("whole") / "m.tflite"
    exporters.export(model, path, verify=False)
    return exporters.load_tflite(path)


def test_whole_numbers_of_another_dtype_are_taken(whole_numbers):
    found = whole_numbers(uint8=np.array([[200]]), int32=np.array([[70000]]))
    np.testing.assert_array_equal(found, [[200, 70000]])


@pytest.mark.parametrize(("byte", "index"), [(300, 0), (-1, 0), (0, 2**31), (0, -(2**40))])
def test_numbers_that_the_file_cannot_hold_are_refused(whole_numbers, byte, index):
    """They were cut off: 300 became 44."""
    with pytest.raises(DataError, match=r"must hold values that (uint8|int32) has"):
        whole_numbers(uint8=np.array([[byte]]), int32=np.array([[index]]))


def test_no_input_at_all(loaded):
    with pytest.raises(DataError, match="Received: 0 arrays"):
        loaded[None]()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no TFLite file"),
        (b"PK\x03\x04" + bytes(100), "no TFLite file"),
        (b"\x1c\x00\x00\x00TFL3", "damaged"),
        (b"\x1c\x00\x00\x00TFL3" + bytes(200), "damaged"),
    ],
)
def test_files_that_are_no_tflite(tmp_path, content, message):
    (tmp_path / "m.tflite").write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        exporters.load_tflite(tmp_path / "m.tflite")
    assert "\n" not in str(caught.value)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        exporters.load_tflite(tmp_path / "m.tflite")
    with pytest.raises(DataError, match="directory"):
        exporters.load_tflite(tmp_path)


def test_wrong_number_of_threads(reports):
    with pytest.raises(DataError, match="threads"):
        exporters.load_tflite(reports[None].path, threads=0)


DAMAGE = """
import sys
import numpy as np
from kerazoo.errors import KerazooError
from kerazoo.exporters import load_tflite
from kerazoo.exporters.tflite_model import TFLiteModel

content = open(sys.argv[1], "rb").read()
rng = np.random.default_rng(0)
damaged = [content[:n] for n in rng.integers(8, len(content), 100)]
for position in rng.integers(0, len(content), 400):
    changed = bytearray(content)
    changed[position] ^= 0xFF
    damaged.append(bytes(changed))
outcomes = {"ran": 0, "refused": 0}
for bad in damaged:
    try:
        model = TFLiteModel(bad)
        model(np.zeros((1, *model.signature.inputs[0].shape[1:])))
        outcomes["ran"] += 1
    except KerazooError as error:
        assert "\\n" not in str(error), error
        outcomes["refused"] += 1
print(outcomes["refused"])
"""


def test_damage_never_ends_the_process(reports):
    """In a process of its own: a crash would take the test run with it."""
    run = subprocess.run(
        [sys.executable, "-c", DAMAGE, str(reports["int8"].path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    assert int(run.stdout) >= 495  # a byte of the seal's own mark may go unnoticed


def test_loading_and_running_imports_no_tensorflow(reports):
    code = (
        "import sys, numpy as np; from kerazoo.exporters import load_tflite, measure_latency;"
        f"m = load_tflite({str(reports['int8'].path)!r}); m(np.zeros((2, 8, 8, 1), 'uint8'));"
        f"measure_latency({str(reports['int8'].path)!r}, runs=3);"
        "print(m.labels[3], {'tensorflow', 'keras', 'jax', 'torch'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "3 set()"
    assert run.stderr == ""  # nor does the runtime chatter


def test_importing_the_package_is_light():
    code = (
        "import sys, kerazoo.exporters as e; dir(e); e.ExportReport; e.QUANTIZE_MODES;"
        "print({'tensorflow', 'keras', 'ai_edge_litert'} & set(sys.modules))"
    )
    env = {**os.environ, "EAGER_IMPORT": ""}
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env
    )
    assert run.stdout.strip() == "set()"
