"""Editing codes: a person as photographed, turned, evenly lit and without expression; codes in, codes out."""
