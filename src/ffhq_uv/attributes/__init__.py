"""What a face looks like: apparent age, gender, beard, smile and glasses, and by whom each was told.

Such a value is a guess about an appearance. It says nothing certain of the person, and of nobody's identity.
"""
