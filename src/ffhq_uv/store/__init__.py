"""What the stages leave for each other under data/, and where."""
