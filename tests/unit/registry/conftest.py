"""A busy machine is not a failing property."""

from hypothesis import settings

settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
