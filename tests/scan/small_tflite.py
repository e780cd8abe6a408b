"""A small .tflite file made by hand, and changes to it."""

from ai_edge_litert import schema_py_generated as schema

from kerazoo.exporters.flatbuffer import pack


def tflite(change=lambda model: None):
    """The bytes of a file that adds four constants to its input, after `change`."""
    model = schema.ModelT()
    model.version, model.description = 3, "small"
    model.buffers = [schema.BufferT(), schema.BufferT()]
    model.buffers[1].data = list(bytes(16))
    code = schema.OperatorCodeT()
    model.operatorCodes = [code]
    graph = schema.SubGraphT()
    graph.name = "main"
    graph.tensors = [_tensor("input", 0), _tensor("constant", 1), _tensor("output", 0)]
    graph.inputs, graph.outputs = [0], [2]
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = 0, [0, 1], [2]
    graph.operators = [operator]
    model.subgraphs = [graph]
    change(model)
    return pack(model)


def custom(name):
    """A change: the operator is a custom one of that name."""

    def change(model):
        code = model.operatorCodes[0]
        code.builtinCode, code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM, 32
        code.customCode = name

    return change


def _tensor(name, buffer):
    tensor = schema.TensorT()
    tensor.name, tensor.buffer, tensor.shape = name, buffer, [1, 4]
    tensor.type = schema.TensorType.FLOAT32
    return tensor
