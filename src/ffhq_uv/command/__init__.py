"""The command line: which commands there are, the words that each takes, and its help."""
