"""What holds for every test of the house."""

from hypothesis import settings

# A timing is never a test: a loaded machine must not fail a property.
settings.register_profile("house", deadline=None)
settings.load_profile("house")
