"""`cluster_from_environment` against TensorFlow's own resolvers, and lists made by construction."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerazoo.distribute import Cluster, cluster_from_environment
from kerazoo.distribute.slurm import expand_hosts
from kerazoo.errors import ConfigError, UnknownNameError


def tf_config(cluster, kind, index):
    task = {"type": kind, "index": index}
    return {"TF_CONFIG": json.dumps({"cluster": cluster, "task": task})}


TWO = {"worker": ["a:1", "b:1"]}


def test_nothing_in_the_environment_is_no_cluster():
    for environ in ({}, {"TF_CONFIG": ""}, {"TF_CONFIG": "{}"}, {"SLURM_PROCID": "0"}):
        assert cluster_from_environment(environ) is None


@pytest.mark.parametrize(("kind", "index", "rank"), [("chief", 0, 0), ("worker", 1, 2)])
def test_a_chief_that_trains_is_the_first_worker(kind, index, rank):
    jobs = {"chief": ["c:1"], "worker": ["a:1", "b:1"]}
    found = cluster_from_environment(tf_config(jobs, kind, index))
    assert found == Cluster(("c:1", "a:1", "b:1"), rank, source="TF_CONFIG")
    assert found.is_chief == (rank == 0)


@pytest.mark.parametrize(("kind", "index"), [("chief", 0), ("worker", 1), ("ps", 0)])
def test_tf_config_comes_back_as_tensorflow_reads_it(kind, index, monkeypatch):
    import tensorflow as tf

    jobs = {"chief": ["c:1"], "worker": ["a:1", "b:1"], "ps": ["p:1"]}
    found = cluster_from_environment(tf_config(jobs, kind, index))
    monkeypatch.setenv("TF_CONFIG", found.tf_config())
    expected = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    for resolver in (expected, found.resolver()):
        assert resolver.cluster_spec().as_dict() == jobs
        assert (resolver.task_type, resolver.task_id) == (kind, index)
    assert found.is_chief == (kind == "chief")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{'a'}", "TF_CONFIG is no JSON"),
        ("[1]", "must be a JSON object"),
        ('{"clutser": {}, "task": {}}', "Did you mean 'cluster' by 'clutser'"),
        ('{"cluster": {"worker": ["a:1"]}}', "no 'task'"),
        ('{"cluster": [], "task": {}}', "'cluster' must be an object"),
        ('{"cluster": {"worker": "a:1"}, "task": {}}', "must be a list of 'host:port'"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"index": 0}}', "no 'task.type'"),
    ],
)
def test_a_broken_tf_config_is_one_line(text, said):
    with pytest.raises(ConfigError, match=said) as caught:
        cluster_from_environment({"TF_CONFIG": text})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("jobs", "kind", "index", "error", "said"),
    [
        ({"wroker": ["a:1"]}, "wroker", 0, UnknownNameError, "Did you mean 'worker'"),
        (TWO, "wroker", 0, UnknownNameError, "Did you mean 'worker'"),
        (TWO, "worker", 2, ConfigError, "task.index must be 0 to 1.* Received: 2"),
        (TWO, "worker", "1", ConfigError, "task.index must be 0 to 1.* Received: '1'"),
        (TWO, "worker", True, ConfigError, "Received: True"),
        ({"worker": ["a:1", "a:1"]}, "worker", 0, ConfigError, "Twice: 'a:1'"),
        ({"worker": ["a"]}, "worker", 0, ConfigError, "'host:port'. Received: 'a'"),
        ({"worker": ["a:x"]}, "worker", 0, ConfigError, "'host:port'. Received: 'a:x'"),
        ({"worker": ["fd00::1"]}, "worker", 0, ConfigError, "'host:port'. Received: 'fd00::1'"),
        ({**TWO, "evaluator": ["e:1"]}, "evaluator", 0, ConfigError, "evaluator has no part"),
        ({**TWO, "ps": ["p:1"]}, "worker", 0, ConfigError, "need a 'chief'"),
    ],
)
def test_a_wrong_cluster_is_said_with_its_value(jobs, kind, index, error, said):
    with pytest.raises(error, match=said):
        cluster_from_environment(tf_config(jobs, kind, index))


def slurm(hosts, tasks, counts, rank, **more):
    return {
        "SLURM_STEP_ID": "0",
        "SLURM_PROCID": str(rank),
        "SLURM_STEP_NODELIST": hosts,
        "SLURM_STEP_NUM_TASKS": str(tasks),
        "SLURM_STEP_TASKS_PER_NODE": counts,
        **more,
    }


@pytest.mark.parametrize(
    ("hosts", "counts", "tasks"),
    [("n[01-03]", "1(x3)", 3), ("a7,n[01,05-06]", "2(x3),1", 7), ("one", "4", 4)],
)
def test_slurm_as_tensorflow_resolves_it(hosts, counts, tasks, monkeypatch):
    import tensorflow as tf

    resolver_class = tf.distribute.cluster_resolver.SlurmClusterResolver
    for rank in range(tasks):
        environ = slurm(hosts, tasks, counts, rank, KERAZOO_PORT="8888")
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        resolver = resolver_class(gpus_per_node=tasks, gpus_per_task=1, auto_set_gpu=False)
        found = cluster_from_environment(environ)
        assert list(found.workers) == resolver.cluster_spec().as_dict()["worker"]
        assert ("worker", found.index) == resolver.get_task_info()


def test_slurm_keeps_its_own_order_of_nodes():
    """TensorFlow sorts them as text, node10 before node9, and so sends rank 0 to rank 1's node."""
    found = cluster_from_environment(slurm("node[9-10]", 2, "1(x2)", 0, KERAZOO_PORT="8888"))
    assert found.workers == ("node9:8888", "node10:8888")


def test_a_batch_script_outside_of_srun_and_a_lone_task_are_no_cluster():
    environ = slurm("n[1-2]", 2, "1(x2)", 0)
    in_script = {k: v for k, v in environ.items() if "STEP" not in k} | {"SLURM_NTASKS": "2"}
    assert cluster_from_environment(in_script) is None
    assert cluster_from_environment(slurm("n1", 1, "1", 0)) is None


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        (slurm("n[1-2", 2, "1(x2)", 0), r"NODELIST cannot be read. Received: 'n\[1-2'"),
        (slurm("n[1-2]", 2, "1(y2)", 0), "TASKS_PER_NODE cannot be read"),
        (slurm("n[1-2]", 3, "1(x2)", 0), "do not fit the 2 nodes"),
        (slurm("n[1-2]", 2, "1(x2)", 2), "SLURM_PROCID is 2"),
        (slurm("n[1-2]", 2, "1(x2)", "x"), "SLURM_PROCID must be a whole number"),
        (slurm("n[1-2]", 4, "2(x2)", 1, SLURM_NODEID="1", SLURM_LOCALID="0"), "distribution=block"),
        (slurm("n[1-2]", 2, "1(x2)", 0, KERAZOO_PORT="80"), "KERAZOO_PORT must be 1024"),
        ({"SLURM_STEP_ID": "0", "SLURM_PROCID": "0"}, "SLURM_NTASKS are not set"),
    ],
)
def test_slurm_that_cannot_be_used_is_one_line(environ, said):
    with pytest.raises(ConfigError, match=said):
        cluster_from_environment(environ)


@st.composite
def host_lists(draw):
    """A list as Slurm writes it, and its hosts by construction."""
    parts, hosts = [], []
    for _ in range(draw(st.integers(1, 4))):
        texts, choices = [], [""]
        for _ in range(draw(st.integers(1, 2))):
            word = draw(st.from_regex(r"[a-z][a-z0-9-]{0,4}", fullmatch=True))
            texts.append(word)
            choices = [choice + word for choice in choices]
            if draw(st.booleans()):
                width, numbers, spans = draw(st.integers(1, 4)), [], []
                for _ in range(draw(st.integers(1, 3))):
                    first = draw(st.integers(0, 500))
                    last = first + draw(st.integers(0, 12))
                    spans.append(
                        f"{first:0{width}}" + (f"-{last:0{width}}" if last > first else "")
                    )
                    numbers += [
                        f"{n:0{max(width, len(str(first)))}}" for n in range(first, last + 1)
                    ]
                texts.append(f"[{','.join(spans)}]")
                choices = [choice + number for choice in choices for number in numbers]
        parts.append("".join(texts))
        hosts += choices
    return ",".join(parts), hosts


@given(host_lists())
@settings(max_examples=200)
def test_host_lists_expand_to_what_they_were_made_of(case):
    text, hosts = case
    assert expand_hosts("X", text) == hosts


@given(st.text(alphabet="n1,[]- ", max_size=12))
@settings(max_examples=300)
def test_any_other_text_gives_whole_names_or_one_line(text):
    try:
        hosts = expand_hosts("X", text)
    except ConfigError:
        return
    assert all(host and not set(host) & set("[], ") for host in hosts)


POD = {"JOB_COMPLETION_INDEX": "1", "HOSTNAME": "mnist-workers-0-1", "KERAZOO_WORKERS": "2"}


def test_pods_of_a_jobset_and_of_a_plain_indexed_job():
    by_host_name = cluster_from_environment({**POD, "JOBSET_NAME": "mnist"})
    assert by_host_name.workers == tuple(f"mnist-workers-0-{i}.mnist:12000" for i in range(2))
    assert by_host_name.index == 1
    names = {"JOBSET_NAME": "mnist", "REPLICATED_JOB_NAME": "workers", "HOSTNAME": "other"}
    assert cluster_from_environment({**POD, **names}) == by_host_name
    plain = {**POD, "HOSTNAME": "job-1.svc", "KERAZOO_SERVICE": "svc", "KERAZOO_PORT": "2222"}
    assert cluster_from_environment(plain).workers == ("job-0.svc:2222", "job-1.svc:2222")


def test_an_indexed_job_without_a_word_is_no_cluster():
    assert cluster_from_environment({"JOB_COMPLETION_INDEX": "1", "HOSTNAME": "a-1"}) is None
    assert cluster_from_environment({**POD, "KERAZOO_WORKERS": "1"}) is None


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "set KERAZOO_SERVICE too"),
        ({"JOBSET_NAME": "m", "HOSTNAME": "x"}, "HOSTNAME is '<job>-<index>'.* Received: 'x'"),
        ({"JOBSET_NAME": "m", "KERAZOO_WORKERS": "two"}, "KERAZOO_WORKERS must be a whole number"),
        ({"JOBSET_NAME": "m", "KERAZOO_WORKERS": "0"}, "this process is worker 1, of 0"),
    ],
)
def test_pods_that_cannot_find_each_other_are_one_line(more, said):
    with pytest.raises(ConfigError, match=said):
        cluster_from_environment({**POD, **more})


def test_hosts_of_a_tpu_slice():
    gke = {"TPU_WORKER_HOSTNAMES": "t-0.t, t-1.t", "TPU_WORKER_ID": "1"}
    found = cluster_from_environment(gke)
    assert (found.workers, found.index) == (("t-0.t:12000", "t-1.t:12000"), 1)
    assert cluster_from_environment({**gke, "TPU_WORKER_HOSTNAMES": "localhost"}) is None


def test_tf_config_counts_first():
    environ = {**slurm("n[1-2]", 2, "1(x2)", 0), **tf_config(TWO, "worker", 1)}
    assert cluster_from_environment(environ).workers == ("a:1", "b:1")
