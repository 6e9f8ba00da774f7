"""What the filter and the quality table measure: arrays in, plain numbers out, one measurement a file."""
