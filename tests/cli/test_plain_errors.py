"""What a newcomer types, and what is said of it: at once, before TensorFlow is loaded."""

import os
import shlex
import subprocess
import sys

import pytest

SAID = {
    "info MNIST_CNN": "Unknown model 'MNIST_CNN'. Did you mean 'mnist_cnn'?",
    "train towers.yml": "A config's file ends in .yaml. Rename 'towers.yml'.",
    "train mine.keras": "--calibration FOLDER`, and compressed by kerazoo.compress.",
    "train mnist_mlp --set epochs=3": "unknown field 'epochs'. Did you mean 'training.epochs'?",
    "train mnist_mlp --set batch_size=32": "Did you mean 'data.batch_size'?",
    "train mnist_mlp --set optimizer.name=sgd": "Did you mean 'training.optimizer'?",
    "train mnist_mlp --set distribution.precision=float16": "Known: auto, float32, mixed_bfloat16, "
    "mixed_float16.",
    "train mnist_mlp --set training.epochs=99999999999999999999": "Expected `int` <= 2147483647 at "
    "field `training.epochs`.",
    "export mnist_mlp m.tflite --quantize INT8": "Did you mean 'int8'?",
    "export mnist_mlp m.tflite --quantize None": "Did you mean 'none'?",
    "export mnist_mlp m.tflite --quantize zzzz": "Known: dynamic, float16, int16x8, int8, int8_io, "
    "none.",
    "benchmark mnist_mlp --quantize none --quantize INT8": "Did you mean 'int8'?",
    "benchmark efficientnet_lite0 --quantize int8": "Add --calibration FOLDER",
    "benchmark mnist_mlp --calibration nothing": "--calibration must be a folder of images",
    "benchmark x.tflite --calibration x.npy": "--calibration is not for a .tflite file",
    "convert mnist_mlp out.keras": "To make it one of Keras 2, end the target in .h5;",
    "prune mnist_mlp m.tflite --sparsity 80": "--sparsity (prune.sparsity) is a fraction between 0 "
    "and 1, such as 0.8. Received: 80.",
    "prune mnist_mlp m.tflite --pattern channel --flops 30": "--flops (prune.flops) is a fraction",
    "train mnist_mlp --epoch 3": "--epochs). See `kerazoo train --help`.",
    "train mnist_mlp --epochs x": "as an integer. See `kerazoo train --help`.",
    "distill mnist_mlp": "'--teacher'. See `kerazoo distill --help`.",
    "export mnist_mlp ''": "A path is empty.",
    "prune mnist_mlp ''": "A path is empty.",
    "verify ''": "A path is empty.",
    "demo --output-dir note.txt": "Cannot create the folder 'note.txt'",
    "launch --hosts 'a b' -- train mnist_mlp": "names with commas, such as a,b. Received: 'a b'.",
}
RUN = """
import shlex, sys
from kerazoo.cli.main import main
for line in sys.argv[1:]:
    sys.argv = ["kerazoo", *shlex.split(line)]
    try:
        main()
    except SystemExit as stopped:
        print(stopped.code, "tensorflow" in sys.modules, flush=True)
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """The line that each command says, its exit code, and whether TensorFlow is loaded."""
    folder = tmp_path_factory.mktemp("newcomer")
    (folder / "note.txt").touch()
    done = subprocess.run(
        [sys.executable, "-c", RUN, *SAID],
        cwd=folder,
        env={**os.environ, "EAGER_IMPORT": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert [path.name for path in folder.iterdir()] == ["note.txt"]  # no run folder is left
    return dict(
        zip(SAID, zip(done.stderr.splitlines(), done.stdout.splitlines(), strict=True), strict=True)
    )


@pytest.mark.parametrize("command", SAID)
def test_what_was_wrong_and_what_to_do_is_said(answers, command):
    line, outcome = answers[command]
    assert SAID[command] in line
    assert outcome == "2 False"


def test_the_version_is_told(run):
    import kerazoo

    assert run("--version") == (0, f"kerazoo {kerazoo.__version__}\n", "")


def test_the_list_of_commands_cuts_nothing_off(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    _, out, _ = run("--help")
    commands = out.split("Commands:")[1]
    assert len(commands.strip().splitlines()) == 19
    assert "..." not in commands


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("mnist", "No model matches 'mnist'. Try 'mnist*'."),
        ("cnn", "No model matches 'cnn'. Try '*cnn*'."),
        ("zebra", "No model matches 'zebra'."),
        ("'mnist_*' --task regression", "No model matches 'mnist_*' and the options."),
    ],
)
def test_no_model_is_said_in_words(run, notices, arguments, says):
    code, out, _ = run("list", *shlex.split(arguments))
    assert (code, out, notices()) == (0, "", [says])
    assert run("list", *shlex.split(arguments), "--json")[1] == "[]\n"
