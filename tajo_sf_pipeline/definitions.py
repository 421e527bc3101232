"""The one object that Dagster loads: the workspace that ``TAJO_CONFIG`` or ./tajo.yaml names."""

from tajo_sf_pipeline.config import settings
from tajo_sf_pipeline.defs import build
from tajo_sf_pipeline.telemetry import logs

_workspace = settings.load()
logs.start(
    _workspace.log_format,
    _workspace.secrets(),
    personal_data=_workspace.file.log_personal_data,
)
defs = build(_workspace)
