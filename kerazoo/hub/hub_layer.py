"""`HubLayer`: a published SavedModel as a layer of Keras 3.

After tensorflow_hub's `hub.KerasLayer` (0.16.1), which Keras 3 refuses
(tensorflow/tensorflow #65419, tensorflow/hub #920). Changed: variables can be trained by pattern,
signatures can be trained, nothing to train is an error, a `.keras` file carries the SavedModel, and
the program is scanned before it is loaded.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
from keras.src.saving.serialization_lib import in_safe_mode

from kerazoo.errors import ConfigError, HubError
from kerazoo.foreign.saved_model_files import content_sha256, copy
from kerazoo.hub import trusted
from kerazoo.hub.cache import Located
from kerazoo.hub.carried_record import write_record
from kerazoo.hub.loaded_model import LoadedModel
from kerazoo.hub.locate import locate
from kerazoo.hub.model_outputs import declare, lowered, select
from kerazoo.hub.program_scan import check_program
from kerazoo.hub.variable_names import check_patterns, is_matched, unique_names


@keras.saving.register_keras_serializable(package="kerazoo")
class HubLayer(keras.layers.Layer):
    """Calls a SavedModel, as it is or trained further.

    Needs Keras's TensorFlow backend. The SavedModel computes in the dtypes it was published with:
    inputs are cast to them, and floating outputs to the layer's compute dtype, so that it can stand
    in models of mixed precision. Its operations are scanned before it is loaded; one that could
    touch files or Python is refused by name.

    A `.keras` file of a model with this layer carries the SavedModel and its trained values. Under
    `safe_mode=True` it loads once its file was named to `kerazoo.hub.trust`.

    Args:
        handle: a folder; a .tar.gz file; an https:// address of one, or of tfhub.dev;
            kaggle.com/models/OWNER/MODEL/FRAMEWORK/VARIATION[/VERSION]; gs://. Downloads are kept
            in the user's cache folder (`KERAZOO_CACHE`).
        trainable: False, True, or patterns of the names in `variable_names`
            (["block_6/*", "*/gamma"]): those variables are trained, the others are not. The object
            is called with `training=True` if that is not False and the model trains; so
            BatchNormalization in it updates its statistics, unless
            `arguments={"training": False}`.
        signature: the signature to call. None calls the object itself, the signature "default" in
            TF1 Hub format, or the only one there is. Signatures can be trained, in the one mode
            that they were published in.
        output_key: which of several outputs to return: a name, or a position in a list; a list
            of names gives a dict of those. None gives the output of that structure as it is, the
            output "default" in TF1 Hub format, or the only one of a signature.
        arguments: further arguments, passed at each call; of kinds that JSON has.
        output_shape: shape of the output without the batch, where the SavedModel does not say; in
            the structure of the outputs.
        sha256: 64 hex digits that the archive, or the content (`sha256` of the layer), must have.

    Attributes:
        sha256: of the SavedModel's content.
        variable_names: names of its variables, in the order of `weights` before any freezing.

    Raises:
        kerazoo.errors.HubError: the SavedModel cannot be had, is not the pinned one, is refused, or
            has nothing to train although `trainable` asks for it.
        kerazoo.errors.ConfigError: another backend, or a signature, pattern or key that is not
            there.
        kerazoo.errors.DataError: inputs that the SavedModel does not take.

    >>> import keras, tensorflow as tf
    >>> from kerazoo.hub import HubLayer
    >>> class Scale(tf.Module):
    ...     def __init__(self):
    ...         self.factor = tf.Variable(2.0, name="factor")
    ...     @tf.function(input_signature=[tf.TensorSpec((None, 1))])
    ...     def __call__(self, inputs):
    ...         return inputs * self.factor
    >>> tf.saved_model.save(Scale(), "scale")
    >>> model = keras.Sequential([keras.Input((1,)), HubLayer("scale", trainable=True)])
    >>> model.count_params(), float(model(tf.constant([[3.0]]))[0, 0])
    (1, 6.0)
    """

    def __init__(
        self,
        handle: str | os.PathLike[str],
        *,
        trainable: bool | Sequence[str] = False,
        signature: str | None = None,
        output_key: str | int | Sequence[str] | None = None,
        arguments: Mapping[str, Any] | None = None,
        output_shape: Any = None,
        sha256: str | None = None,
        **kwargs: Any,
    ) -> None:
        _check_backend()
        super().__init__(trainable=bool(trainable), autocast=False, **kwargs)
        self._convert_input_args = False  # texts are no numbers, and the SavedModel's dtypes rule
        self._allow_non_tensor_positional_args = True
        self.handle = os.fspath(handle)
        self.signature = signature
        self.output_key: Any = _plain(output_key)
        self.arguments = dict(arguments or {})
        self.patterns: tuple[str, ...] = ()
        self.declared_shape = output_shape
        located = _located(self.handle, sha256)
        self.sha256 = located.sha256
        self._program = LoadedModel(located, signature, self.handle)
        self._loaded = self._program.loaded  # TensorFlow tracks tables and assets by this
        self._add_variables()
        self._choose_trained(trainable)  # Keras skips setters where the value is the same already
        if trainable and not self.trainable_variables:
            raise HubError(
                f"`trainable` asks to train {self.handle}, which has no variables that can be "
                f"trained. Use trainable=False. Received: trainable={trainable!r}."
            )
        self.built = True

    @property
    def trainable(self) -> bool:
        """Whether anything in it is trained. Set to False, to patterns of names (["*"] for all of
        it), or to True: what the last patterns chose, all of it where there were none."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool | Sequence[str]) -> None:
        self._choose_trained(value)

    def _choose_trained(self, value: bool | Sequence[str]) -> None:
        if not isinstance(value, bool):
            self.patterns = check_patterns(value, self.variable_names, self.handle)
        self._trainable = bool(value)
        for name, variable, source in self._variables():
            variable.trainable = (
                self._trainable
                and self._program.is_trainable(source)
                and is_matched(name, self.patterns)
            )
        self._place_losses()

    @property
    def takes_texts(self) -> bool:
        """Whether its first input is strings."""
        return self._program.takes_texts

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        outputs = self._program(
            inputs, training=bool(training) and self.trainable, arguments=self.arguments
        )
        outputs = select(outputs, self.output_key, self._program)
        return lowered(
            declare(outputs, self.declared_shape, inputs, self._program), self.compute_dtype
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "handle": self.handle,
            "trainable": list(self.patterns)
            if self.trainable and self.patterns
            else self.trainable,
            "signature": self.signature,
            "output_key": _plain(self.output_key),
            "arguments": dict(self.arguments),
            "output_shape": self.declared_shape,
            "sha256": self.sha256,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> HubLayer:
        """Make the layer from its config; while a file is loaded, nothing is downloaded for it.

        Raises:
            kerazoo.errors.HubError: a file loaded in safe mode was not named to `trust`, or its
                SavedModel is not here.
        """
        return cls(**config)  # Keras's own would bury the error's one line in the whole config

    def save_own_variables(self, store: Any) -> None:
        for variable in self.program_variables:
            store[variable.name] = variable

    def load_own_variables(self, store: Any) -> None:
        names = {variable.name for variable in self.program_variables}
        if set(store.keys()) != names:
            differing = sorted(set(store.keys()) ^ names)[:3]
            raise HubError(
                f"The weights for {self.name!r} are not those of {self.handle}: {differing}."
            )
        for variable in self.program_variables:
            variable.assign(store[variable.name])

    def save_assets(self, dir_path: str) -> None:
        """Put the SavedModel into a model file; Keras gives the folder for it."""
        located = trusted.find(self.sha256)
        if located is None or content_sha256(located.folder) != self.sha256:
            raise HubError(
                f"{self.handle} was moved or changed since it was loaded, so the model file cannot "
                "carry it. Put it back, or load it from a copy."
            )
        copy(located.folder, Path(dir_path))
        write_record(Path(dir_path), handle=self.handle, sha256=self.sha256)

    def _add_variables(self) -> None:
        """Make Keras know the SavedModel's own variables: nothing is copied."""
        found = self._program.variables
        self.variable_names = unique_names([variable.name for variable in found])
        self.patterns = ()
        with keras.name_scope(self.name, caller=self):
            self.program_variables = [
                keras.Variable(
                    variable,
                    shape=variable.shape,
                    dtype=variable.dtype.name,
                    trainable=self._program.is_trainable(variable),
                    autocast=False,
                    name=name.replace("/", "."),  # Keras allows no slashes
                )
                for name, variable in zip(self.variable_names, found, strict=True)
            ]

    def _variables(self) -> Iterator[tuple[str, Any, Any]]:
        """Name, Keras's variable and the SavedModel's own."""
        sources = [variable.value for variable in self.program_variables]
        return zip(self.variable_names, self.program_variables, sources, strict=True)

    def _place_losses(self) -> None:
        """Give each regularization loss to one variable that it depends on and that is trained.

        Keras adds up the regularizers of a model's trainable variables, each time it needs them.
        """
        placed: dict[int, list[Any]] = {}
        for loss, sources in self._program.losses:
            among = {id(source) for source in sources}
            for index, (_, variable, source) in enumerate(self._variables()):
                if variable.trainable and (not among or id(source) in among):
                    placed.setdefault(index, []).append(loss)
                    break
        for index, variable in enumerate(self.program_variables):
            losses = placed.get(index)
            variable.regularizer = functools.partial(_sum_of, losses) if losses else None


def _plain(value: Any) -> Any:
    """A list where Keras keeps a list of its own kind, or a tuple was given."""
    return list(value) if isinstance(value, list | tuple) else value


def _sum_of(losses: Sequence[Any], _: Any) -> Any:
    return sum(loss() for loss in losses)


def _located(handle: str, sha256: str | None) -> Located:
    """Find, scan and remember the SavedModel of a handle.

    Raises:
        HubError: it cannot be had, it is refused, or a file loaded in safe mode asks for it and was
            not named to `trust`.
    """
    # Keras has no public word for whether a file is being loaded, and how.
    safe_mode = in_safe_mode()
    found = trusted.find(sha256) if sha256 else None
    if safe_mode is not None:  # what a file names is never downloaded
        found = found or trusted.carried_for(handle)
        if found is None and not Path(handle).exists():
            raise HubError(_untrusted(handle, sha256))
    located = found or locate(handle, sha256)
    if safe_mode and not trusted.is_trusted(located.sha256):
        raise HubError(_untrusted(handle, located.sha256))
    check_program(located.folder, handle, operations=trusted.operations_of(located.sha256))
    trusted.remember(located)
    return located


def _untrusted(handle: str, sha256: str | None) -> str:
    return (
        f"The file carries a SavedModel (of {handle}, SHA-256 {sha256}), which is a program. If "
        "you know who made the file, allow it first: kerazoo.hub.trust('FILE.keras')."
    )


def _check_backend() -> None:
    if keras.backend.backend() != "tensorflow":
        raise ConfigError(
            "HubLayer runs SavedModels, which needs KERAS_BACKEND=tensorflow. "
            f"This process runs {keras.backend.backend()!r}."
        )
