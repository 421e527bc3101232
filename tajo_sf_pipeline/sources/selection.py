"""Which source a workspace has: the one place that knows of more than one kind."""

from collections.abc import Callable

from tajo_sf_pipeline.config.settings import Settings
from tajo_sf_pipeline.sources.base import Source
from tajo_sf_pipeline.sources.snowflake.source import SnowflakeSource

OpenSource = Callable[[Settings], Source]


def source_of(settings: Settings) -> Source:
    """Return the source that a workspace's settings name; no credential is read yet."""
    return SnowflakeSource(settings.snowflake, settings.path.parent)
