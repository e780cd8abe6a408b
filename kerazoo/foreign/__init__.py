"""Files from strangers: looked at before anything of them is opened, loaded or run.

What is dangerous in an archive, an HDF5 file or a SavedModel, said in one place for all rooms that
read such files. Nothing here imports Keras or TensorFlow.
"""
