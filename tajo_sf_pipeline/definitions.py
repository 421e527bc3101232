"""The one object that Dagster loads: the workspace that ``TAJO_CONFIG`` or ./tajo.yaml names."""

from tajo_sf_pipeline import settings
from tajo_sf_pipeline.defs import build

defs = build(settings.load())
