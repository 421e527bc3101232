"""The .env beside tajo.yaml, as the commands write it, and the question before they do."""

from collections.abc import Mapping
from pathlib import Path

import dotenv
import typer

from tajo_sf_pipeline.errors import ConfigurationError
from tajo_sf_pipeline.storage.write_errors import made


def variables(path: Path) -> Mapping[str, str | None]:
    return dotenv.dotenv_values(path)


def write(path: Path, variables: Mapping[str, str]) -> None:
    """Set the variables in .env, which its owner alone may read; others in it stay."""
    with made(path):
        path.touch(mode=0o600)
        path.chmod(0o600)
        for name, value in variables.items():
            dotenv.set_key(path, name, value, quote_mode="never")


def ask(question: str, *, yes: bool) -> None:
    if not yes and not typer.confirm(question, err=True):
        raise ConfigurationError("TAJO-133", "nothing was changed", "Answer yes, or give --yes.")
