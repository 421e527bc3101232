"""All defects that are planted on purpose: those of every `in_*.py` beside this file."""

import importlib
from pathlib import Path

from tajo_sf_pipeline_tests.defects.defect import Defect

_FOLDER = Path(__file__).parent
REPOSITORY = _FOLDER.parents[1]
DEFECTS: tuple[Defect, ...] = tuple(
    defect
    for path in sorted(_FOLDER.glob("in_*.py"))
    for defect in importlib.import_module(f"{__package__}.{path.stem}").DEFECTS
)
