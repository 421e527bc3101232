"""The readable cases in cases/, as pytest takes them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).parent / "cases"


def read(name: str) -> Any:
    return yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))


def each(cases: Iterable[dict[str, Any]]) -> list[Any]:
    """Give the cases as parameters that carry their names."""
    return [pytest.param(case, id=case["name"]) for case in cases]
