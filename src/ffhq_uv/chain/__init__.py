"""The one path from codes to measurements: codes -> faces -> geometry -> texture -> measurements."""
