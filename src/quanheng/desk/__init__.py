"""The desk's room: the people store, and the console that stands on it."""
