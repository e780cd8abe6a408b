"""`kerazoo predict`: what is printed for each kind of answer."""

import json

import pytest

import kerazoo
from kerazoo.tasks import Box, Prediction

WBC = Box("WBC", 0.761, 193.2, 91.8, 386.7, 285.1)
RBC = Box("RBC", 0.5, 0.0, 10.0, 90.0, 99.6)


@pytest.fixture
def answered(monkeypatch):
    """Let every model give these predictions; gives a list of what it was asked."""

    def answer_with(*predictions):
        asked = []

        def predict(*arguments, **named):
            asked.append((*arguments, named))
            return list(predictions)

        monkeypatch.setattr(kerazoo, "predict", predict)
        return asked

    return answer_with


def test_each_box_is_a_line_with_its_four_edges(run, answered):
    answered(
        Prediction("blood.jpg", {}, [], boxes=[WBC, RBC]),
        Prediction("white.png", {}, []),
    )
    code, out, _ = run("predict", "bccd_detector", "blood.jpg", "white.png")
    assert code == 0
    assert out.splitlines() == [
        "blood.jpg  WBC 76.1% at left 193, top 92, right 387, bottom 285",
        "blood.jpg  RBC 50.0% at left 0, top 10, right 90, bottom 100",
        "white.png  (nothing)",
    ]
    _, out, _ = run("predict", "bccd_detector", "blood.jpg", "white.png", "--json")
    assert json.loads(out)[0]["boxes"][0] == {
        "label": "WBC", "score": 0.761, "left": 193.2, "top": 91.8, "right": 386.7, "bottom": 285.1
    }  # fmt: skip


@pytest.mark.parametrize(
    ("prediction", "says"),
    [
        (Prediction("x", {"7": 0.9312, "2": 0.05}, [3.0, 1.0]), "7 93.1%, 2 5.0%"),
        (Prediction("x", {}, [152.1334567]), "152.133"),
        (Prediction("x", {"Contact (1997)": 0.774}, [], "Contact (1997) 0.77"), "Contact (1997) 0"),
        (Prediction("x", {"Sky": 0.3}, [], "Sky 30.0% of the pixels"), "Sky 30.0% of the pixels"),
    ],
)
def test_other_answers_are_one_line(run, answered, prediction, says):
    answered(prediction)
    _, out, _ = run("predict", "any", "x")
    assert out.startswith(f"x  {says}")
    assert out.count("\n") == 1


def test_options_are_the_functions_arguments(run, answered):
    asked = answered(Prediction("A dog.", {}, [], "Ein Hund."))
    run("predict", "multi30k_translator", "A dog.", "--beams", 4, "--pictures", "answers")
    model, files, named = asked[0]
    assert (model, files, named["beams"], str(named["pictures"])) == (
        *("multi30k_translator", ["A dog."], 4, "answers"),
    )


def test_beams_of_another_model_are_one_line(run):
    code, _, err = run("predict", "mnist_mlp", "x.png", "--beams", 2)
    assert (code, err.count("\n")) == (2, 1)
    assert "`beams` is for models that translate" in err


def test_invert_of_texts_and_files_of_texts(run, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    code, _, err = run("predict", "mr_text_cnn", "good", "--invert")
    assert (code, err.count("\n")) == (2, 1)
    assert "`invert` is for image files, and none was given" in err
    (tmp_path / "note.txt").write_text("a wonderful, moving film\n")
    _, from_file, _ = run("predict", "mr_text_cnn", "note.txt")
    _, from_text, _ = run("predict", "mr_text_cnn", "a wonderful, moving film")
    assert from_file.split("  ")[1] == from_text.split("  ")[1]
    assert from_file.startswith("note.txt  positive")


def test_models_and_folders_that_are_none_are_one_line(run, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "bad.keras").write_text("no model")
    for arguments, says in {
        ("evaluate", "bad.keras"): "'bad.keras': it is damaged, or no .keras file.",
        ("evaluate", "folder"): "'folder' is no model: give the name of a zoo model, or a .keras",
        ("predict", "folder", "x.png"): "or a .keras or .tflite file.",
        ("evaluate", "mnist_mlp", "--dataset", "folder"): "for each of two or more classes",
        ("evaluate", "mnist_mlp", "--dataset", "folder", "--split", "test"): "--split is not for a",
        ("predict", "none.tflite", "x.png"): "none.tflite",
    }.items():
        code, out, err = run(*arguments)
        assert (code, out, err.count("\n")) == (2, "", 1), (arguments, err)
        assert says in err
