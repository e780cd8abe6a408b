"""The small files of a run folder."""

import json
from importlib import metadata

from kerazoo.training.run_folder import RunFolder


def test_a_checkout_that_is_not_installed_has_an_unknown_version(tmp_path, monkeypatch):
    version = metadata.version

    def of_others(name):
        if name == "kerazoo":
            raise metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(metadata, "version", of_others)
    folder = RunFolder(tmp_path)
    folder.write_environment(seed=3)
    written = json.loads(folder.environment.read_text())
    assert written["seed"] == 3
    assert written["versions"]["kerazoo"] == "unknown"
    assert written["versions"]["numpy"] == version("numpy")


def test_what_a_killed_process_was_writing_is_removed(tiny, tmp_path):
    (tmp_path / ".config.yaml.abcd1234").mkdir()
    RunFolder(tmp_path).open(tiny, resume=True)
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]
