"""File formats from outside: names, folders, archives, pictures, pickles. All rooms read them here."""
