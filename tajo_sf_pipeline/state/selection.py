"""Which state a workspace has: the one place that knows of more than one kind."""

from tajo_sf_pipeline.config.settings import Settings
from tajo_sf_pipeline.state.base import State
from tajo_sf_pipeline.state.files import StateInFiles


def state_of(settings: Settings) -> State:
    """Return the state that a workspace's settings name; nothing is opened or made yet."""
    return StateInFiles(settings.home)
