"""UV maps from the layout that they were made in to that of any other head.

`correspondence` finds, once for two topologies, where every texel of the target takes its colour; `resampling` then
moves one map after the other. Heads without common triangles are first laid onto each other (`registration`).
"""
