"""From a name to a checked TFLite file: get, evaluate, train, export, run.

    python examples/name_to_tflite.py

Uses MNIST where it is at hand, else digits that pip packages carry; half a minute on two cores.
"""

import numpy as np

import kerazoo
from kerazoo.errors import DataError

# A published model, ready to use: raw pixels 0..255 in, logits out.
model = kerazoo.get("mnist_cnn")

# Digits that it has never seen.
try:
    images, labels = kerazoo.datasets.load_numpy("mnist", "test")
except DataError:
    images, labels = kerazoo.datasets.load_numpy("digits", "test")
print("Keras:", kerazoo.evaluate(model, (images, labels)))

# The same architecture for another task: four classes, the convolutions kept, a fresh head.
model4 = kerazoo.get("mnist_cnn", num_classes=4)
few = labels < 4
model4.fit(images[few][:256], labels[few][:256], epochs=2, batch_size=32, verbose=0)
print("four classes:", kerazoo.evaluate(model4, (images[few][256:], labels[few][256:])))

# A file for a phone, run and compared before it gets its name.
report = kerazoo.export(model, "mnist_cnn_int8.tflite", quantize="int8")
print(report)

# What the phone will say. Neither TensorFlow nor Keras is needed from here on.
digits = kerazoo.load_tflite("mnist_cnn_int8.tflite")
logits = digits(images[:10])
names = digits.labels or []
print("file says ", [names[number] for number in np.argmax(logits, axis=1)])
print("labels are", [str(label) for label in labels[:10]])
