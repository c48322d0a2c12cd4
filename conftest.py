"""What all tests share."""

from hypothesis import settings

# A busy machine takes long over one example now and then; pytest's timeout ends a test that hangs.
settings.register_profile("drs-waves", deadline=None)
settings.load_profile("drs-waves")
