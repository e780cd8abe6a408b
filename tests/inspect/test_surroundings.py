"""`kerazoo.inspect.environment` against what the interpreter itself knows."""

import os
import platform
from importlib import metadata

import kerazoo


def test_facts_are_those_of_this_process():
    found = kerazoo.inspect.environment()
    assert found.python == platform.python_version()
    assert found.cores == os.cpu_count()
    assert found.versions["numpy"] == metadata.version("numpy")
    assert "CPU:0" in found.devices
    assert found.data["downloads"] == "forbidden (KERAZOO_OFFLINE)"  # as tests/conftest.py sets it


def test_a_missing_package_names_its_extra(monkeypatch):
    def version(name):
        if name == "scikit-learn":
            raise metadata.PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(metadata, "version", version)
    missing = kerazoo.inspect.environment().missing_extras
    assert any(lack.startswith("scikit-learn") for lack in missing["demo"])
    assert "hub" not in missing


def test_what_is_for_other_pythons_is_not_missing(monkeypatch):
    requires = [
        "absent-a>=1",
        "absent-b==0.19.0; (python_version < '3.10') and extra == 'rl'",
        "absent-c>=1; (python_version < '3.10') and extra == 'mixed'",
        "absent-d>=1,<2; (python_version >= '3.10') and extra == 'mixed'",
        "kerazoo[rl]; extra == 'all'",
        "absent-e[more]; extra == 'all'",
    ]
    monkeypatch.setattr(metadata, "requires", lambda _: requires)
    found = kerazoo.inspect.environment()
    assert found.missing_extras == {"mixed": ["absent-d>=1,<2"], "all": ["absent-e[more]"]}
    assert found.unavailable_extras == {"rl": 'python_version < "3.10"'}


def test_a_checkout_that_is_not_installed_is_looked_at_too(monkeypatch):
    def absent(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", absent)
    monkeypatch.setattr(metadata, "requires", absent)
    found = kerazoo.inspect.environment()
    assert found.versions["kerazoo"] == "missing"
    assert found.missing_extras == found.unavailable_extras == {}


def test_a_wrong_data_folder_is_part_of_the_answer(monkeypatch):
    monkeypatch.setenv("KERAZOO_DATA", "/nonexistent")
    assert "no folder" in kerazoo.inspect.environment().data["mnist"]


def test_a_tpu_and_a_cluster_that_the_environment_names(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert kerazoo.inspect.environment().cluster == "none"
    monkeypatch.setenv("TPU_NAME", "mine")
    cluster = kerazoo.distribute.Cluster(("a:1", "b:1", "c:1"), index=2)
    monkeypatch.setenv("TF_CONFIG", cluster.tf_config())
    found = kerazoo.inspect.environment()
    assert (found.tpu, found.cluster) == ("mine", "worker 2 of 3 (TF_CONFIG)")
    monkeypatch.setenv("TF_CONFIG", "worker 2")
    assert kerazoo.inspect.environment().cluster.startswith("TF_CONFIG is no JSON")
