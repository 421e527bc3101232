"""What a look at a connector found, line by line."""

from dataclasses import dataclass
from typing import Any

from tajo_sf_pipeline.errors import TajoError


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: what was found, or the error that says what to do."""

    what: str
    found: str = ""
    error: TajoError | None = None

    def as_json(self) -> dict[str, Any]:
        result = {"error": self.error.as_json()} if self.error else {"found": self.found}
        return {"check": self.what, "ok": self.error is None, **result}
