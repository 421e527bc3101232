"""Generated examples are the same for everyone: what fails once fails again."""

import hypothesis

hypothesis.settings.register_profile(
    "repeatable", derandomize=True, database=None, deadline=None, max_examples=60
)
hypothesis.settings.load_profile("repeatable")
