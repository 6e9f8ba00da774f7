"""One file a DVC stage: read, call a room, write. No algorithm lives here."""
