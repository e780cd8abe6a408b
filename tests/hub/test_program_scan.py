"""Hostile SavedModels: refused by the name of the operation, before anything of them runs."""

from pathlib import Path

import pytest

import kerazoo
from kerazoo.errors import HubError
from kerazoo.foreign.program_file import _check_messages
from kerazoo.foreign.program_scan import allowed_operations
from kerazoo.hub import HubLayer
from kerazoo.hub.program_scan import check_program

HARMFUL = """
PyFunc PyFuncStateless EagerPyFunc ReadFile WriteFile MatchingFiles Save SaveSlices SaveV2
Restore RestoreSlice RestoreV2 MergeV2Checkpoints ImmutableConst PrintV2 Print LMDBReader
TextLineReader TextLineReaderV2 WholeFileReader WholeFileReaderV2 FixedLengthRecordReader
TFRecordReader TFRecordReaderV2 RecordInput TextLineDataset TFRecordDataset SqlDataset CSVDataset
FixedLengthRecordDataset LoadDataset SaveDataset SaveDatasetV2 SnapshotDataset CacheDataset
CreateSummaryFileWriter CreateSummaryDbWriter WriteSummary DebugIdentity DebugIdentityV2
DumpTensor RpcServer RpcCall Send Recv RemoteCall DatasetFromGraph XlaCallModule XlaHostCompute
GenerateVocabRemapping LoadAndRemapMatrix FixedUnigramCandidateSampler Skipgram DecodeProtoV2
EncodeProto FileSystemSetConfiguration InitializeTableFromDataset InitializeTableFromTextFileV2
Abort WorkerHeartbeat DistributedSave CollectiveReduceV2 ImportEvent CalibrationStatisticsSaver
"""
"""From the documentation of each, not from the list."""

pytestmark = pytest.mark.usefixtures("tensorflow_backend")


def save(function, folder, **attributes):
    """A SavedModel of one function of `(None, 2)` floats."""
    import tensorflow as tf

    module = tf.Module()
    for name, value in attributes.items():
        setattr(module, name, value)
    module.__call__ = None
    root = tf.train.Checkpoint(module=module)
    root.__call__ = tf.function(function, input_signature=[tf.TensorSpec((None, 2))])
    tf.saved_model.save(root, str(folder))


def hostile(mark):
    """Name of an operation -> a function that would use it to make or read the file `mark`."""
    import tensorflow as tf

    path = str(mark)

    def written(inputs):
        with tf.control_dependencies([tf.io.write_file(path, "here")]):
            return tf.identity(inputs)

    def read(inputs):
        return inputs + tf.strings.to_number(tf.io.read_file("/proc/self/stat"))

    def saved(inputs):
        tf.raw_ops.SaveV2(prefix=path, tensor_names=["a"], shape_and_slices=[""], tensors=[inputs])
        return inputs

    def printed(inputs):
        tf.print(inputs, output_stream=f"file://{path}")
        return inputs

    def python(inputs):
        return tf.ensure_shape(
            tf.numpy_function(lambda value: value, [inputs], tf.float32), (None, 2)
        )

    def eager(inputs):
        return tf.ensure_shape(tf.py_function(lambda value: value, [inputs], tf.float32), (None, 2))

    def matched(inputs):
        return inputs + tf.cast(tf.size(tf.io.matching_files("/etc/*")), tf.float32)

    def mapped(inputs):
        zero = tf.raw_ops.ImmutableConst(dtype=tf.float32, shape=(2,), memory_region_name=path)
        return inputs + zero

    def streamed(inputs):
        tf.raw_ops.TextLineDataset(filenames="/etc/passwd", compression_type="", buffer_size=0)
        return inputs

    def nested(inputs):
        inner = tf.function(lambda value: tf.function(written)(value))
        return tf.cond(tf.reduce_sum(inputs) > 1e9, lambda: inner(inputs), lambda: inputs)

    return {
        "WriteFile": written,
        "ReadFile": read,
        "SaveV2": saved,
        "PrintV2": printed,
        "PyFunc": python,
        "EagerPyFunc": eager,
        "MatchingFiles": matched,
        "ImmutableConst": mapped,
        "TextLineDataset": streamed,
        "WriteFile nested": nested,
    }


@pytest.mark.parametrize(
    "operation",
    [
        "WriteFile",
        "ReadFile",
        "SaveV2",
        "PrintV2",
        "PyFunc",
        "EagerPyFunc",
        "MatchingFiles",
        "ImmutableConst",
        "TextLineDataset",
        "WriteFile nested",
    ],
)
def test_an_operation_that_could_touch_files_or_python_is_named(operation, tmp_path):
    folder, mark = tmp_path / "model", tmp_path / "mark"
    save(hostile(mark)[operation], folder)
    with pytest.raises(HubError, match=f"operation {operation.split()[0]} .*not loaded") as error:
        HubLayer(folder)
    assert "\n" not in str(error.value)
    assert not mark.exists()


def test_an_initializer_is_read_as_well(tmp_path):
    """What runs while TensorFlow loads a SavedModel, before anyone calls it."""
    import tensorflow as tf
    from tensorflow.python.trackable.resource import CapturableResource

    mark = tmp_path / "mark"

    class Resource(CapturableResource):
        def _create_resource(self):
            return tf.raw_ops.MutableHashTableV2(key_dtype=tf.string, value_dtype=tf.int64)

        def _initialize(self):
            return tf.io.write_file(str(mark), "here")

    resource = Resource()
    save(lambda inputs: inputs, tmp_path / "model", resource=resource)
    mark.unlink(missing_ok=True)
    with pytest.raises(HubError, match="operation WriteFile .*initialize"):
        HubLayer(tmp_path / "model")
    assert not mark.exists()


def change(folder, edit):
    """Rewrite a SavedModel's program."""
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    path = folder / "saved_model.pb"
    program = SavedModel.FromString(path.read_bytes())
    edit(program)
    path.write_bytes(program.SerializeToString())


def test_an_object_may_not_call_what_saved_the_model(own_copy):
    """The saving functions are part of every SavedModel; nothing but a saver may reach them."""
    folder = own_copy("reusable")

    def edit(program):
        graph = program.meta_graphs[0]
        saver = next(
            function.signature.name
            for function in graph.graph_def.library.function
            if "traced_save" in function.signature.name
        )
        node = next(node for node in graph.object_graph_def.nodes if node.HasField("function"))
        node.function.concrete_functions[0] = saver

    change(folder, edit)
    with pytest.raises(HubError, match="operation (SaveV2|ShardedFilename|MergeV2Checkpoints)"):
        HubLayer(folder)


@pytest.mark.parametrize("place", ["signature", "initializer", "restoring"])
def test_tf1_runs_nothing_of_its_saver_but_what_fills_variables(place, own_copy):
    folder = own_copy("tf1")

    def edit(program):
        graph = program.meta_graphs[0]
        saving = next(node.name for node in graph.graph_def.node if node.op == "SaveV2")
        if place == "signature":
            graph.graph_def.node.add(name="evil", op="NoOp", input=[f"^{saving}"])
            output = graph.signature_def["default"].outputs["default"]
            node = next(
                node for node in graph.graph_def.node if node.name == output.name.split(":")[0]
            )
            node.input.append("^evil")
        elif place == "initializer":
            graph.collection_def["legacy_init_op"].node_list.value.append(saving)
        else:
            graph.saver_def.restore_op_name = saving

    change(folder, edit)
    with pytest.raises(HubError, match="operation SaveV2"):
        HubLayer(folder)


def test_every_meta_graph_is_read(own_copy):
    folder = own_copy("tf1")

    def edit(program):
        second = program.meta_graphs.add()
        second.CopyFrom(program.meta_graphs[0])
        second.meta_info_def.tags.append("train")
        second.graph_def.node.add(name="evil", op="WriteFile")

    change(folder, edit)
    with pytest.raises(HubError, match="operation WriteFile .in 'evil'"):
        HubLayer(folder)


def test_gradients_are_read_as_well(own_copy):
    folder = own_copy("reusable")

    def edit(program):
        function = program.meta_graphs[0].graph_def.library.function.add()
        function.signature.name = "gradient"
        function.node_def.add(name="evil", op="EagerPyFunc")

    change(folder, edit)
    with pytest.raises(HubError, match="operation EagerPyFunc .in 'gradient/evil'"):
        HubLayer(folder)


@pytest.mark.parametrize("kind", ["text", "tf1"])
@pytest.mark.parametrize("name", ["../../../../etc/passwd", "/etc/passwd"])
def test_assets_outside_of_the_saved_model_are_refused(kind, name, own_copy):
    folder = own_copy(kind)

    def edit(program):
        from tensorflow.core.protobuf.meta_graph_pb2 import AssetFileDef

        graph = program.meta_graphs[0]
        if kind == "text":
            graph.asset_file_def[0].filename = name
            return
        packed = graph.collection_def["saved_model_assets"].any_list.value[0]
        asset = AssetFileDef()
        packed.Unpack(asset)
        asset.filename = name
        packed.Pack(asset)

    change(folder, edit)
    with pytest.raises(HubError, match="as its asset, a file elsewhere: refused"):
        HubLayer(folder)


def test_a_table_may_not_read_any_other_file(own_copy, tmp_path):
    """TensorFlow 1: the file's name is a constant that is no asset."""
    folder = own_copy("tf1")

    def edit(program):
        graph = program.meta_graphs[0].graph_def
        node = next(node for node in graph.node if node.op.startswith("InitializeTableFrom"))
        other = graph.node.add(name="other", op="Const")
        other.attr["dtype"].type = 7
        other.attr["value"].tensor.dtype = 7
        other.attr["value"].tensor.string_val.append(b"/etc/passwd")
        node.input[1] = "other"

    change(folder, edit)
    with pytest.raises(HubError, match="reads a table from a file that is none of its assets"):
        HubLayer(folder)


def test_a_table_may_not_read_what_a_function_makes_up(own_copy):
    """TensorFlow 2: the file's name must come from an asset object through all functions."""
    folder = own_copy("text")

    def edit(program):
        graph = program.meta_graphs[0]
        for function in graph.graph_def.library.function:
            for node in function.node_def:
                if node.op == "InitializeTableFromTextFileV2":
                    made_up = function.node_def.add(name="made_up", op="Const")
                    made_up.attr["dtype"].type = 7
                    made_up.attr["value"].tensor.dtype = 7
                    made_up.attr["value"].tensor.string_val.append(b"/etc/passwd")
                    node.input[1] = "made_up:output:0"
                    return

    change(folder, edit)
    with pytest.raises(HubError, match="reads a table from a file that is none of its assets"):
        HubLayer(folder)


def test_a_table_may_not_read_what_an_object_that_is_no_asset_binds(own_copy):
    folder = own_copy("text")

    def edit(program):
        objects = program.meta_graphs[0].object_graph_def
        asset = next(node for node in objects.nodes if node.HasField("asset"))
        asset.constant.operation = "Const"

    change(folder, edit)
    with pytest.raises(HubError, match="reads a table from a file that is none of its assets"):
        HubLayer(folder)


def test_an_operation_is_allowed_by_its_name_alone(tmp_path):
    save(hostile(tmp_path / "mark")["MatchingFiles"], tmp_path / "model")
    with pytest.raises(HubError, match="operation MatchingFiles"):
        kerazoo.hub.trust(tmp_path / "model", operations=["ReadFile"])
    kerazoo.hub.trust(tmp_path / "model", operations=["MatchingFiles"])
    assert HubLayer(tmp_path / "model").count_params() == 0


@pytest.mark.parametrize("content", [b"", b"\x0a\xff\xff\xff\xff\x7f", b"no program", b"\x08\x01"])
def test_a_damaged_program_is_refused_in_one_line(content, own_copy):
    folder = own_copy("reusable")
    (folder / "saved_model.pb").write_bytes(content)
    with pytest.raises(HubError, match="damaged or no SavedModel") as error:
        HubLayer(folder)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["saved_model.pbtxt", "saved_model.cpb"])
def test_a_second_program_that_would_not_be_scanned_is_refused(name, own_copy):
    folder = own_copy("reusable")
    (folder / name).write_bytes(b"")
    with pytest.raises(HubError, match=f"holds {name} beside saved_model.pb"):
        HubLayer(folder)


def test_a_program_made_to_fill_the_memory_is_refused(monkeypatch, own_copy):
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    monkeypatch.setattr("kerazoo.foreign.program_file.MOST_MESSAGES", 10_000)
    program = SavedModel()
    shape = program.meta_graphs.add().graph_def.node.add().attr["shape"].shape
    for _ in range(20_000):
        shape.dim.add()
    with pytest.raises(HubError, match="more than 10,000 messages"):
        _check_messages(program.SerializeToString(), SavedModel.DESCRIPTOR, "it")
    folder = own_copy("reusable")
    content = (folder / "saved_model.pb").read_bytes()
    _check_messages(content, SavedModel.DESCRIPTOR, "it")
    monkeypatch.setattr("kerazoo.foreign.program_file.MOST_BYTES", 1000)
    with pytest.raises(HubError, match="more than 1,000"):
        HubLayer(folder)


def test_a_link_out_of_the_saved_model_is_refused(own_copy, tmp_path):
    folder, secret = own_copy("text"), tmp_path / "secret"
    secret.write_text("secret")
    asset = next((folder / "assets").iterdir())
    asset.unlink()
    asset.symlink_to(secret)
    with pytest.raises(HubError, match="a link to a file outside"):
        HubLayer(folder)


def test_the_list_leaves_out_what_is_known_to_do_harm():
    assert not allowed_operations() & set(HARMFUL.split())


@pytest.mark.parametrize("kind", ["reusable", "dictionary", "several", "keras3", "text", "tf1"])
def test_honest_saved_models_pass(kind, saved_models):
    check_program(Path(saved_models(kind)), kind)
