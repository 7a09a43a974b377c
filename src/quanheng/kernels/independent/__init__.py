"""A second model that shares nothing with the desk's: a tree and bumped Greeks."""
