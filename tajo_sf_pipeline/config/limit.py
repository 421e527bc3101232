"""A limit in rows, or as a part of them."""

import re
from dataclasses import dataclass
from typing import Self

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

_WHOLE = 100


@dataclass(frozen=True, slots=True)
class Limit:
    """So many rows, or such a part of them: ``100``, ``20%``."""

    number: float
    percent: bool

    def exceeded_by(self, count: int, of: int) -> bool:
        return count > (of * self.number / _WHOLE if self.percent else self.number)

    def __str__(self) -> str:
        return f"{self.number:g}%" if self.percent else f"{self.number:g} rows"

    @classmethod
    def __get_pydantic_core_schema__(
        cls, _source: object, _handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._parse, serialization=core_schema.to_string_ser_schema()
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": ["string", "integer"]}

    @classmethod
    def _parse(cls, value: object) -> Self:
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*%|(\d+)", str(value).strip())
        if isinstance(value, bool) or not match:
            raise ValueError("must be a number of rows such as 100, or a part such as 20%")
        return cls(float(match[1] or match[2]), percent=match[1] is not None)
