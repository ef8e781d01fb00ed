"""Settings of all tests."""

import os

from hypothesis import settings

# On a contributor's machine every run tries other examples; CI tries the same ones each time, so that a
# change is not blamed for what it did not touch.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")
