"""Map a function over jobs, on this machine or a cluster, past workers that die.

A job is small (ids, rows and paths, never pixels) and so is its result: what is large goes through files. Any PEP 3148
`Executor` will do, once it is known what its futures raise when a worker died (`backend`): `serial`, `local`, `dask`
and `ray` are four of them. `part` splits work without any.
"""

from ffhq_uv.engine.backend import Backend, Pool
from ffhq_uv.engine.engine import Engine, Outcome
from ffhq_uv.engine.part import Part

__all__ = ["Backend", "Engine", "Outcome", "Part", "Pool"]
