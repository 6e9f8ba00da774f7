"""Filter, classify, interpolate: tables in, tables out, and the codes of new people."""
