"""A stage's samples in shards: finished by the engine's workers, gone on with, counted and timed."""
