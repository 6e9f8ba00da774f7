"""A data set made for others: Parquet shards, the data card, Croissant, citation and checksums, and their validation.

Everything that these say comes from `Facts`: what the run recorded, and nothing of when or where it ran.
"""
