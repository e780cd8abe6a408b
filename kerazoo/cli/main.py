"""`kerazoo`: the commands, and how errors are told: one line on stderr and exit code 2, or 75 where
the same command may come out better."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

import kerazoo
from kerazoo.cli import (
    benchmark,
    cluster,
    convert,
    demo,
    distill,
    doctor,
    evaluate,
    export,
    fine_tune,
    graph,
    info,
    launch,
    list_models,
    predict,
    profile,
    prune,
    quantize,
    train,
    verify,
)
from kerazoo.errors import KerazooError, WorkerLostError

app = typer.Typer(
    name="kerazoo",
    help="Get a Keras model by name, train it, make it small, ship a checked TFLite file.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)


def _tell_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"kerazoo {kerazoo.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_tell_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """What comes before a command."""


app.command("list")(list_models.list_models)
app.command("info")(info.info)
app.command("train")(train.train)
app.command("fine-tune", short_help="Train a network on images of your own, and export it.")(
    fine_tune.fine_tune
)
app.command("distill")(distill.distill)
app.command("quantize")(quantize.quantize)
app.command("prune")(prune.prune)
app.command("cluster")(cluster.cluster)
app.command("evaluate")(evaluate.evaluate)
app.command("predict", short_help="Predict from images, .wav files, texts or .npy arrays.")(
    predict.predict
)
app.command("export")(export.export)
app.command("convert")(convert.convert)
app.command("benchmark")(benchmark.benchmark)
app.command("verify")(verify.verify)
app.command("graph")(graph.graph)
app.command("profile")(profile.profile)
# What follows the first word of the command is the command's.
app.command("launch", context_settings={"allow_interspersed_args": False})(launch.launch)
app.command("doctor")(doctor.doctor)
app.command("demo")(demo.demo)


def main() -> None:
    """Run the command in `sys.argv`."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        code = app(sys.argv[1:] or ["--help"], standalone_mode=False)
    except WorkerLostError as error:
        _fail(str(error))
        _leave_at_once(75)  # EX_TEMPFAIL
    except KerazooError as error:
        sys.exit(_fail(str(error)))
    except KeyboardInterrupt:
        sys.exit(130)
    except typer.Abort:
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(0)  # `kerazoo list | head`: the reader has seen enough
    except OSError as error:
        where = "" if error.filename is None else f"{error.filename}: "
        sys.exit(_fail(f"{where}{error.strerror or error}."))
    except Exception as error:
        # Wrong options: click's errors, which typer keeps in a private module.
        if not hasattr(error, "format_message"):
            raise
        context = getattr(error, "ctx", None)
        command = context.command_path if context else "kerazoo"
        text = error.format_message().rstrip()
        end = "" if text.endswith((".", "?", "!")) else "."
        sys.exit(_fail(f"{text}{end} See `{command} --help`."))
    sys.exit(code or 0)


def _fail(message: str) -> int:
    print("kerazoo: " + " ".join(message.split()), file=sys.stderr)
    return 2


def _leave_at_once(code: int) -> None:
    """End without tidying up: TensorFlow would wait there for workers that are gone."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
