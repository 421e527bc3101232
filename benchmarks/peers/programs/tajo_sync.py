"""The product: an audience's mapping and sync of an extract, as its Dagster assets call them.

python tajo_sync.py WORKSPACE FILE [ACCEPT]
"""

import os
import sys
import uuid
from datetime import date
from pathlib import Path

from tajo_sf_pipeline.audience import catalog
from tajo_sf_pipeline.config import settings
from tajo_sf_pipeline.engine.run import SyncRun

DAY = date(2026, 11, 20)


def main(workspace: str, file: str, *accept: str) -> None:
    """Map and sync the partition of a day, whose extract is the file."""
    loaded = settings.load(Path(workspace))
    audience = catalog.load(loaded).named("people")
    partition = SyncRun(
        loaded, audience, DAY, "incremental", run_id=uuid.uuid4().hex, accept=accept
    )
    extract = partition.paths.extract(DAY)
    extract.parent.mkdir(parents=True, exist_ok=True)
    extract.unlink(missing_ok=True)
    os.link(file, extract)
    partition.map()
    print(partition.sync())  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
