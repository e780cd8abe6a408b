"""Kubernetes as a cluster: the pods of an Indexed Job (alone or in a JobSet), GKE's TPU hosts.

The pods of an Indexed Job are called "<job>-<index>", and a headless service gives them the names
"<job>-<index>.<service>". A JobSet names its job "<jobset>-<replicated job>-<number>" and makes a
service of its own name (https://kubernetes.io/docs/concepts/workloads/controllers/job/,
https://jobset.sigs.k8s.io).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kerazoo.distribute.variables import first_port, integer, with_port
from kerazoo.errors import ConfigError

_PORT = 12_000


def indexed_job(environ: Mapping[str, str]) -> dict[str, Any] | None:
    """The pods of this pod's job, as a `Cluster`'s fields; None where there is none.

    Kubernetes sets JOB_COMPLETION_INDEX and HOSTNAME. The job file has to set KERAZOO_WORKERS, the
    number of pods (many an Indexed Job's pods have nothing to do with each other), and, unless
    JOBSET_NAME is set, KERAZOO_SERVICE, the name of the headless service.

    In a JobSet, JOBSET_NAME, REPLICATED_JOB_NAME and JOB_INDEX (0 if absent) may name the job; else
    it is what HOSTNAME says.
    """
    if "JOB_COMPLETION_INDEX" not in environ or "KERAZOO_WORKERS" not in environ:
        return None
    count, index = integer(environ, "KERAZOO_WORKERS"), integer(environ, "JOB_COMPLETION_INDEX")
    if count == 1:
        return None
    service = environ.get("KERAZOO_SERVICE") or environ.get("JOBSET_NAME")
    if not service:
        raise ConfigError(
            "KERAZOO_WORKERS is set in an Indexed Job: set KERAZOO_SERVICE too, to the name of "
            "its headless service (in a JobSet: JOBSET_NAME)."
        )
    job, port = _job_name(environ, index), first_port(environ, _PORT)
    workers = tuple(f"{job}-{number}.{service}:{port}" for number in range(count))
    source = "KERAZOO_WORKERS and JOB_COMPLETION_INDEX"
    return {"workers": workers, "index": index, "source": source}


def _job_name(environ: Mapping[str, str], index: int) -> str:
    if "JOBSET_NAME" in environ and "REPLICATED_JOB_NAME" in environ:
        number = integer(environ, "JOB_INDEX", 0)
        return f"{environ['JOBSET_NAME']}-{environ['REPLICATED_JOB_NAME']}-{number}"
    pod = environ.get("HOSTNAME", "").partition(".")[0]
    job, dash, last = pod.rpartition("-")
    if not (job and dash and last == str(index)):
        raise ConfigError(
            f"In an Indexed Job, HOSTNAME is '<job>-<index>', here with the index {index}. "
            f"Received: {pod!r}. Set JOBSET_NAME and REPLICATED_JOB_NAME, or TF_CONFIG."
        )
    return job


def tpu_hosts(environ: Mapping[str, str]) -> dict[str, Any] | None:
    """The hosts of a TPU slice of several, as GKE names them to each pod."""
    hosts = [host.strip() for host in environ.get("TPU_WORKER_HOSTNAMES", "").split(",")]
    if len(hosts) < 2:
        return None
    port = first_port(environ, _PORT)
    workers = tuple(with_port(host, port) for host in hosts)
    source = "TPU_WORKER_HOSTNAMES and TPU_WORKER_ID"
    return {"workers": workers, "index": integer(environ, "TPU_WORKER_ID"), "source": source}
