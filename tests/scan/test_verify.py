"""`kerazoo.verify` and its command: kinds of files, reports, exit codes, the zoo's own files."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

import kerazoo
from kerazoo.errors import ConfigError, DataError, WeightsError
from kerazoo.zoo.catalogue import configs_folder, weights_folder
from tests.cli.conftest import run  # noqa: F401
from tests.scan.hostile_files import dangers, keras_file, weights_h5

OWN = sorted([*configs_folder().glob("*.yaml"), *weights_folder().iterdir()])


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_nothing_in_the_zoos_own_files(path):
    assert kerazoo.verify(path).findings == ()


def test_all_of_them_at_once():
    report = kerazoo.verify(configs_folder())
    assert (report.kind, report.findings) == ("folder", ())


@pytest.mark.parametrize(
    ("config", "what"),
    [
        ("name: !!python/object/apply:os.system [ls]", "the tag"),
        ("name: !import os", "the tag"),
        ("a: &a [1]\nb: *a", "anchors and aliases"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]", "anchors and aliases"),
        ("a: " + "[" * 50 + "]" * 50, "nested deeper than 20 levels"),
        ("a: " + "x" * 300_000, "at most 262,144 bytes"),
    ],
)
def test_hostile_zoo_configs(tmp_path, config, what):
    path = tmp_path / "a.yaml"
    path.write_text(config)
    assert what in dangers(path)


def test_other_yaml(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("name: a\nno_such_field: 1")
    report = kerazoo.verify(path)
    assert report.is_safe
    assert "kerazoo would not take it: unknown field 'no_such_field'" in report.findings[0].what
    path.write_text("a: [")
    with pytest.raises(ConfigError):
        kerazoo.verify(path)


def test_safetensors(tmp_path):
    path = tmp_path / "a.safetensors"
    content = safetensors.numpy.save({"a": np.ones((3, 2), "float32")})
    path.write_bytes(content)
    assert kerazoo.verify(path).findings == ()
    header = content[8:-24].replace(b"[3,2]", b"[9,9]")
    for damaged in (b"", content[:-1], content[:8] + header + content[-24:], b"\xff" * 100):
        path.write_bytes(damaged)
        with pytest.raises(WeightsError, match="a.safetensors is damaged"):
            kerazoo.verify(path)


def test_files_of_unknown_names_are_told_by_their_start(tmp_path):
    path = tmp_path / "download"
    path.write_bytes(weights_h5())
    assert kerazoo.verify(path).kind == "HDF5 file"
    path.write_bytes(b"\x80\x04cos\nsystem\n.")
    assert kerazoo.verify(path).kind == "pickle"
    path.write_bytes(b"text")
    with pytest.raises(DataError, match="of an unknown kind. Known: .keras"):
        kerazoo.verify(path)


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(DataError, match="no file or folder"):
        kerazoo.verify(tmp_path / "none.keras")
    os.mkfifo(tmp_path / "pipe.keras")
    with pytest.raises(DataError, match="no regular file"):
        kerazoo.verify(tmp_path / "pipe.keras")


def test_a_report(tmp_path):
    lookup = {"class_name": "StringLookup", "config": {"vocabulary": "/b"}}
    path = keras_file(tmp_path / "m.keras", lookup, **{"\x1b[2Jreadme": ""})
    report = kerazoo.verify(path)
    assert [finding.severity for finding in report.findings] == ["danger", "notice"]
    text = str(report)
    assert text.startswith(f"{path} (Keras model): 1 danger, 1 notice\n  danger  m.keras: ")
    assert text.replace("\n", "").isprintable()
    assert json.loads(json.dumps(report.to_dict()))["is_safe"] is False
    honest = kerazoo.verify(keras_file(tmp_path / "h.keras"))
    assert str(honest) == f"{tmp_path / 'h.keras'} (Keras model): nothing dangerous found"


def test_a_scan_ends_at_a_thousand_findings(tmp_path):
    config = [{"class_name": "StringLookup", "config": {"vocabulary": f"{i}"}} for i in range(5000)]
    (tmp_path / "config.json").write_text(json.dumps(config))
    findings = kerazoo.verify(tmp_path / "config.json").findings
    assert len(findings) == 1001
    assert "the rest is not checked" in findings[-1].what


def test_the_command(run, tmp_path):  # noqa: F811
    good, bad = keras_file(tmp_path / "good.keras"), tmp_path / "bad.pkl"
    bad.write_bytes(b"cos\nsystem\n.")
    code, out, _ = run("verify", good)
    assert (code, out) == (0, f"{good} (Keras model): nothing dangerous found\n")
    code, out, _ = run("verify", bad)
    assert code == 1
    assert "it calls for os.system" in out
    code, out, _ = run("verify", bad, "--json")
    assert code == 1
    assert json.loads(out)["findings"][0]["severity"] == "danger"
    code, out, err = run("verify", tmp_path / "none.keras")
    assert (code, out) == (2, "")
    assert err.count("\n") == 1


def test_neither_keras_nor_tensorflow_is_imported(tmp_path):
    keras_file(tmp_path / "m.keras")
    program = (
        "import sys, kerazoo\n"
        f"for path in {[str(tmp_path), *map(str, OWN[-2:])]!r}: kerazoo.verify(path)\n"
        "print([name for name in ('keras', 'tensorflow', 'torch') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_a_path_may_be_a_text():
    assert kerazoo.verify(str(OWN[0])).is_safe
    assert Path(kerazoo.verify(OWN[0]).path) == OWN[0]
