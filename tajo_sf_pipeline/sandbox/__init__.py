"""A local Snowflake and a local Brevo over HTTP, independent of the product that they try."""

from tajo_sf_pipeline.sandbox.client import LoadedTable, SeededTable, load_csv, seed
from tajo_sf_pipeline.sandbox.servers import DEFAULT_PORT, Sandbox, SandboxError, serve

__all__ = [
    "DEFAULT_PORT",
    "LoadedTable",
    "Sandbox",
    "SandboxError",
    "SeededTable",
    "load_csv",
    "seed",
    "serve",
]
