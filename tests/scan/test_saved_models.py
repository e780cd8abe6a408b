"""SavedModels with operations that touch files or call Python, alone and carried by others."""

import json
import tarfile
import zipfile

import pytest

import kerazoo
from kerazoo.errors import HubError
from kerazoo.foreign import program_file
from kerazoo.foreign.messages import message_class, saved_model_class
from kerazoo.foreign.saved_model_files import files_of
from tests.scan.hostile_files import dangers, keras_file


def program(*operations):
    """A program whose one function holds the operations."""
    saved = saved_model_class()()
    graph = saved.meta_graphs.add()
    graph.object_graph_def.nodes.add()
    function = graph.graph_def.library.function.add()
    function.signature.name = "__inference_call"
    for number, operation in enumerate(operations):
        function.node_def.add(name=f"node_{number}", op=operation)
    return saved.SerializeToString()


def saved_model(folder, *operations):
    (folder / "variables").mkdir(parents=True)
    (folder / "saved_model.pb").write_bytes(program(*operations))
    return folder


def test_an_honest_program(tmp_path):
    report = kerazoo.verify(saved_model(tmp_path / "m", "MatMul", "Relu", "__inference_call"))
    assert report.findings == ()
    assert report.kind == "SavedModel"


@pytest.mark.parametrize("operation", ["ReadFile", "WriteFile", "PyFunc", "EagerPyFunc", "NoSuch"])
def test_operations_that_are_not_on_the_list(tmp_path, operation):
    found = dangers(saved_model(tmp_path / "m", "MatMul", operation, operation))
    assert f"holds the operation {operation} (in '__inference_call/node_1')" in found
    assert "And 1 more times." in found


def test_each_operation_is_told_once(tmp_path):
    found = dangers(saved_model(tmp_path / "m", *["ReadFile", "PyFunc", "WriteFile"] * 5))
    assert len(found.splitlines()) == 3


def test_an_operation_hidden_behind_a_functions_name(tmp_path):
    saved = saved_model_class().FromString(program("PyFunc"))
    saved.meta_graphs[0].graph_def.library.function.add().signature.name = "PyFunc"
    folder = saved_model(tmp_path / "m")
    (folder / "saved_model.pb").write_bytes(saved.SerializeToString())
    assert "the operation PyFunc" in dangers(folder)


def test_assets_elsewhere(tmp_path):
    saved = saved_model_class().FromString(program("MatMul"))
    saved.meta_graphs[0].asset_file_def.add(filename="../../etc/passwd")
    folder = saved_model(tmp_path / "m")
    (folder / "saved_model.pb").write_bytes(saved.SerializeToString())
    assert "a file elsewhere" in dangers(folder)


def test_a_table_without_a_file(tmp_path):
    assert "is damaged: its graph lacks" in dangers(
        saved_model(tmp_path / "m", "InitializeTableFromTextFileV2")
    )


READER = "InitializeTableFromTextFileV2"


def written(folder, saved):
    saved_model(folder)
    (folder / "saved_model.pb").write_bytes(saved.SerializeToString())
    return folder


@pytest.mark.parametrize("copies", [1, 2, 200])
@pytest.mark.parametrize("is_main", [True, False])
def test_copies_that_go_in_circles(tmp_path, copies, is_main):
    saved = saved_model_class().FromString(program())
    graph = saved.meta_graphs[0]
    nodes = graph.graph_def.library.function[0].node_def
    if is_main:
        graph.ClearField("object_graph_def")
        nodes = graph.graph_def.node
    for number in range(copies):
        nodes.add(name=f"{number}", op="Identity", input=[f"{(number + 1) % copies}"])
    nodes.add(name="table", op=READER, input=["handle", "0"])
    assert "a file that is none of its assets" in dangers(written(tmp_path / "m", saved))


def chain(length, end):
    """A function with a table, called by another, called by another; `end` adds to the last."""
    saved = saved_model_class().FromString(program())
    graph = saved.meta_graphs[0]
    del graph.graph_def.library.function[:]
    for number in range(length):
        function = graph.graph_def.library.function.add()
        function.signature.name = f"__inference_{number}"
        function.signature.input_arg.add(name="path")
        if number:
            call = function.node_def.add(name="call", op="PartitionedCall", input=["path"])
            call.attr["f"].func.name = f"__inference_{number - 1}"
        else:
            function.node_def.add(name="table", op=READER, input=["handle", "path"])
    end(graph, f"__inference_{length - 1}")
    return saved


def test_very_many_functions_that_call_each_other(tmp_path):
    def asset(graph, name):
        graph.object_graph_def.nodes.add().asset.asset_file_def_index = 0
        graph.object_graph_def.concrete_functions[name].bound_inputs.append(1)

    def other(graph, name):
        graph.object_graph_def.concrete_functions[name].bound_inputs.append(0)

    def nothing(graph, name):
        graph.object_graph_def.concrete_functions[name].SetInParent()

    assert kerazoo.verify(written(tmp_path / "good", chain(2000, asset))).findings == ()
    for end in (other, nothing):
        found = dangers(written(tmp_path / end.__name__, chain(2000, end)))
        assert "a file that is none of its assets (in '__inference_1999')" in found


def test_functions_that_call_each_other_in_circles(tmp_path):
    def circle(graph, name):
        call = graph.graph_def.library.function[0].node_def.add(op="PartitionedCall")
        call.name, call.input[:] = "call", ["path"]
        call.attr["f"].func.name = name

    assert kerazoo.verify(written(tmp_path / "m", chain(3, circle))).is_safe


def test_files_beside_the_program(tmp_path):
    folder = saved_model(tmp_path / "m", "MatMul")
    (folder / "assets").mkdir()
    (folder / "assets" / "words.pkl").write_bytes(b"cos\nsystem\n.")
    assert "assets/words.pkl: a pickle, which is a program" in dangers(folder)
    (folder / "assets" / "words.pkl").unlink()
    (folder / "assets" / "words.txt").symlink_to("/etc/passwd")
    assert "a link to a file outside of the SavedModel" in dangers(folder)
    (folder / "assets" / "words.txt").unlink()
    (folder / "saved_model.pbtxt").touch()
    assert "holds saved_model.pbtxt beside saved_model.pb" in dangers(folder)
    (folder / "saved_model.pb").unlink()
    assert "a form that is not read" in dangers(folder)


def test_a_folder_of_assets_that_is_a_link(tmp_path):
    """TensorFlow would read the asset sub/words.txt through it."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "words.txt").write_text("secret")
    saved = saved_model_class().FromString(program("MatMul"))
    saved.meta_graphs[0].asset_file_def.add(filename="sub/words.txt")
    folder = saved_model(tmp_path / "m")
    (folder / "saved_model.pb").write_bytes(saved.SerializeToString())
    (folder / "assets").mkdir()
    (folder / "assets" / "sub").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(HubError, match="sub is a link to a file outside of the SavedModel"):
        files_of(folder)
    assert "assets/sub: a link to" in dangers(folder)
    (folder / "assets" / "sub").unlink()
    (folder / "assets" / "sub").symlink_to(folder / "variables")
    with pytest.raises(HubError, match="sub is no regular file"):
        files_of(folder)


EVIL = b"\x80\x02cos\nsystem\n(S'id'\ntR."


@pytest.mark.parametrize(
    "name",
    [
        "model.pkl",
        "pytorch_model.bin",
        "more/model.pkl",
        "assets/words.pkl",
        "variables/model.pkl",
        "variables/variables.data-00000-of-00001.pkl",
    ],
)
@pytest.mark.parametrize("place", ["", "models/one/", "assets/inner/"])
def test_a_program_hides_nothing_that_lies_beside_it(tmp_path, name, place):
    folder = saved_model(tmp_path / "m", "MatMul")
    if place:
        saved_model(folder / place, "MatMul")
    assert kerazoo.verify(folder).findings == ()
    (folder / place / name).parent.mkdir(exist_ok=True)
    (folder / place / name).write_bytes(EVIL)
    assert f"m: {place}{name}: a pickle, which is a program: it calls for os.system" in dangers(
        folder
    )
    with tarfile.open(tmp_path / "m.tar.gz", "w:gz") as tar:
        tar.add(folder, ".")
    assert f"m.tar.gz: {place}{name}: a pickle, which is a program" in dangers(
        tmp_path / "m.tar.gz"
    )


def test_a_keras_file_beside_a_program(tmp_path):
    folder = saved_model(tmp_path / "m", "MatMul")
    keras_file(folder / "a.keras", config={"class_name": "__lambda__"})
    assert "m: a.keras: config.json: carries Python code" in dangers(folder)


def test_a_program_among_the_assets_of_another(tmp_path):
    folder = saved_model(tmp_path / "m", "MatMul")
    saved_model(folder / "assets" / "inner", "PyFunc")
    found = dangers(folder)
    assert "m: assets/inner: saved_model.pb: holds the operation PyFunc" in found
    (folder / "assets" / "inner" / "saved_model.pb").write_bytes(b"no program")
    (folder / "assets" / "inner" / "model.pkl").write_bytes(EVIL)
    found = dangers(folder)
    assert "m: assets/inner: cannot be read, so it is not checked: saved_model.pb is dam" in found
    assert "m: assets/inner/model.pkl: a pickle, which is a program" in found


def test_weights_may_start_as_they_like(tmp_path):
    """Numbers of a SavedModel have no start of their own: they may be that of a pickle."""
    folder = saved_model(tmp_path / "m", "MatMul")
    (folder / "variables" / "variables.data-00000-of-00001").write_bytes(b"\x80\x04\x00\x3f")
    assert kerazoo.verify(folder).findings == ()


def test_one_that_a_keras_file_carries(tmp_path):
    path = keras_file(tmp_path / "m.keras")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("assets/hub/saved_model.pb", program("PyFunc"))
        archive.writestr("assets/hub/kerazoo_hub.json", json.dumps({"handle": "h", "sha256": "0"}))
    assert "m.keras: assets/hub: saved_model.pb: holds the operation PyFunc" in dangers(path)


def test_one_in_an_archive(tmp_path):
    with zipfile.ZipFile(tmp_path / "m.zip", "w") as archive:
        archive.writestr("saved_model.pb", program("WriteFile"))
    assert "m.zip: saved_model.pb: holds the operation WriteFile" in dangers(tmp_path / "m.zip")


@pytest.mark.parametrize("content", [b"", b"\x0a\xff\xff\xff\xff\x7f", b"no program"])
def test_damage(tmp_path, content):
    folder = saved_model(tmp_path / "m")
    (folder / "saved_model.pb").write_bytes(content)
    with pytest.raises(HubError, match="damaged or no SavedModel"):
        kerazoo.verify(folder)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"\xff" * 3_000_000, id="a number without an end"),
        pytest.param(b"\xa3\x06\x08\x01\xa4\x06", id="a group, which protobuf skips"),
    ],
)
def test_fields_that_are_none_of_a_saved_models(tmp_path, monkeypatch, content):
    """A reader out of step with protobuf's would count other messages than those it makes."""
    monkeypatch.setattr(program_file, "UNCOUNTED_BYTES", 0)
    folder = saved_model(tmp_path / "m", "MatMul")
    assert kerazoo.verify(folder).is_safe
    (folder / "saved_model.pb").write_bytes(content + program("MatMul"))
    with pytest.raises(HubError, match="damaged or no SavedModel"):
        kerazoo.verify(folder)


def test_more_messages_than_a_model_has_are_told_as_such(tmp_path, monkeypatch):
    monkeypatch.setattr(program_file, "UNCOUNTED_BYTES", 0)
    monkeypatch.setattr(program_file, "MOST_MESSAGES", 3)
    folder = saved_model(tmp_path / "m", *["MatMul"] * 10)
    with pytest.raises(HubError, match="holds more than 3 messages"):
        kerazoo.verify(folder)


def test_a_schema_is_that_of_the_installed_tensorflow():
    """Field numbers from the documentation of the format (saved_model.proto, meta_graph.proto)."""
    fields = saved_model_class().DESCRIPTOR.fields_by_name
    assert fields["meta_graphs"].number == 2
    meta = fields["meta_graphs"].message_type.fields_by_name
    assert (meta["graph_def"].number, meta["object_graph_def"].number) == (2, 7)
    assert message_class("core/protobuf/meta_graph", "AssetFileDef")(filename="a").filename == "a"
