"""Audiences from a Snowflake warehouse into Brevo."""

from importlib import import_module
from typing import Any

from stamina.instrumentation import set_on_retry_hooks

__version__ = "0.1.0"

# Stamina's own log line shows what was called with what, which may be personal data (S14).
set_on_retry_hooks([])

# What is offered by the package itself and costs an import that few need: Dagster, a second.
_LAZY = {"AudienceComponent": "tajo_sf_pipeline.defs.component"}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
