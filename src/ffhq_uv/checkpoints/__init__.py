"""The published files: what a configuration needs of them, and whether it is there and opens."""
