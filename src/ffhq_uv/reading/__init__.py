"""The data sets for torch: folders as the pipeline leaves them, published Parquet shards, packed tars."""
