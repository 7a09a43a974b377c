"""What holds for every test of the house."""

import gc

from hypothesis import settings

# A timing is never a test: a loaded machine must not fail a property.
settings.register_profile("house", deadline=None)
settings.load_profile("house")

# Some tests leave millions of objects behind in session fixtures; a collection that walks them all
# every few hundred allocations would take most of the time of the tests after them.
gc.set_threshold(100_000, 50, 100)
