"""What each worker of a launch on one machine finds in its environment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from kerazoo.distribute.cluster import Cluster
from kerazoo.errors import DataError

KEEP_MEMORY = ":".join(
    f"glibc.malloc.{name}={value}"
    for name, value in {
        "hugetlb": 1,  # transparent huge pages
        "trim_threshold": 2_000_000_000,
        "mmap_threshold": 1_000_000_000,
        "top_pad": 2**26,
    }.items()
)
"""Let glibc keep what a step frees for the next, up to 2 GB, instead of having it from the system
anew, page by page: where pages are costly, that is a third of a worker's step (docs/scale.md).
Other C libraries do not read it."""


def worker_environment(
    environ: Mapping[str, str], *, ports: Sequence[int], index: int, threads: int, gpus: str | None
) -> dict[str, str]:
    """`environ` with the cluster, and this worker's share of the machine.

    Args:
        ports: of all workers, in their order.
        threads: for one worker. What `environ` itself says about threads and memory, it keeps.
        gpus: this worker's, for CUDA_VISIBLE_DEVICES; None leaves that alone.
    """
    workers = tuple(f"127.0.0.1:{port}" for port in ports)
    environment = {
        "TF_NUM_INTRAOP_THREADS": str(threads),
        "OMP_NUM_THREADS": str(threads),
        "GLIBC_TUNABLES": KEEP_MEMORY,
        **environ,
        "TF_CONFIG": Cluster(workers, index).tf_config(),
        "TF_GRPC_REUSE_PORT": "true",  # free_ports.py holds the ports
        "PYTHONUNBUFFERED": "1",  # lines come when they are printed
    }
    if gpus is not None:
        environment["CUDA_VISIBLE_DEVICES"] = gpus
    return environment


def fair_threads(workers: int) -> int:
    """Each worker's share of the cores that this process may use, 1 or more."""
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, cores // workers)


def share_gpus(
    environ: Mapping[str, str], *, workers: int, each: int | None, devices: Path = Path("/dev")
) -> list[str] | list[None]:
    """For each worker the value of its CUDA_VISIBLE_DEVICES; None where there are no GPUs.

    Args:
        each: GPUs per worker, 1 or more; None shares all out equally.
        devices: the folder of device files, nvidia0 and so on.

    Raises:
        DataError: there are fewer.
    """
    visible = environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        # Counted: CUDA numbers from 0 what a container sees, whatever the files' numbers are.
        files = [p for p in devices.glob("nvidia*") if re.fullmatch(r"nvidia\d+", p.name)]
        gpus = [str(number) for number in range(len(files))]
    else:
        gpus = [gpu for gpu in visible.replace(" ", "").split(",") if gpu not in ("", "-1")]
    if not gpus and each is None:
        return [None] * workers
    share = each or max(1, len(gpus) // workers)
    if share * workers > len(gpus):
        raise DataError(
            f"{workers} workers with {share} GPU{'s' * (share > 1)} each need {share * workers}; "
            f"this machine shows {len(gpus)}. Start fewer, or set CUDA_VISIBLE_DEVICES='' for CPUs."
        )
    return [",".join(gpus[i * share : (i + 1) * share]) for i in range(workers)]
