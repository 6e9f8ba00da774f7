"""FFHQ-UV and FFHQ-UV-Interpolate: the program behind the data sets."""
