"""The one allow-listed reader of pickles and torch files; archive, generator and analysis use it.

Nothing in a file is executed. `unpickle` reads a pickle with a table of the names it may use (`NUMPY`
is the table of NumPy arrays; `Record` stands in for objects); `read_torch` reads the small torch files
of the archives; `load_torch` reads network checkpoints.
"""

from ffhq_uv.formats.unpickle.arrays import NUMPY
from ffhq_uv.formats.unpickle.machine import Record, Table, UnpickleError, unpickle
from ffhq_uv.formats.unpickle.torch_files import load_torch, read_torch

__all__ = ["NUMPY", "Record", "Table", "UnpickleError", "load_torch", "read_torch", "unpickle"]
