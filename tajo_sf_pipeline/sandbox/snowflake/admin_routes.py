"""What no Snowflake has: looking inside, faults on request, loading and seeding tables."""

import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from tajo_sf_pipeline.sandbox.shop.seed import MAX_CUSTOMERS, seed_shop
from tajo_sf_pipeline.sandbox.snowflake.activity import Activity
from tajo_sf_pipeline.sandbox.snowflake.csv_files import CsvError, load_csv
from tajo_sf_pipeline.sandbox.snowflake.faults import Faults, declared
from tajo_sf_pipeline.sandbox.snowflake.settings import Settings
from tajo_sf_pipeline.sandbox.snowflake.user import User
from tajo_sf_pipeline.sandbox.snowflake.warehouse import Warehouse

DEFAULT_CUSTOMERS = 20_000


@dataclass(frozen=True, slots=True)
class AdminRoutes:
    warehouse: Warehouse
    activity: Activity
    faults: Faults
    settings: Settings
    user: User

    async def health(self, _: Request) -> Response:
        return JSONResponse({"ready": True})

    async def statements(self, _: Request) -> Response:
        return JSONResponse({"statements": [asdict(s) for s in self.activity.statements]})

    async def sessions(self, _: Request) -> Response:
        ids = [session.id for session in self.activity.sessions.values()]
        return JSONResponse({"open": len(ids), "ids": ids})

    async def planned_faults(self, _: Request) -> Response:
        pending = [asdict(fault) for fault in self.faults.pending if fault.times > 0]
        return JSONResponse({"faults": pending})

    async def plan_fault(self, request: Request) -> Response:
        try:
            self.faults.plan(declared(await request.json()))
        except (TypeError, ValueError) as error:
            return _bad_request(str(error))
        return JSONResponse({"planned": True})

    async def clear_faults(self, _: Request) -> Response:
        self.faults.pending.clear()
        return Response(status_code=204)

    async def read_settings(self, _: Request) -> Response:
        return JSONResponse(asdict(self.settings))

    async def change_settings(self, request: Request) -> Response:
        try:
            self.settings.change(await request.json())
        except (TypeError, ValueError) as error:
            return _bad_request(str(error))
        return JSONResponse(asdict(self.settings))

    async def register_key(self, request: Request) -> Response:
        try:
            order = await request.json()
            self.user.public_keys.register(order["slot"], order["public_key"])
        except KeyError as error:
            return _bad_request(f"{error} is missing")
        except (TypeError, ValueError) as error:
            return _bad_request(str(error))
        return JSONResponse({"fingerprints": self.user.public_keys.fingerprints()})

    async def load(self, request: Request) -> Response:
        with tempfile.NamedTemporaryFile(dir=self.warehouse.folder, suffix=".csv") as file:
            async for part in request.stream():
                file.write(part)
            file.flush()
            try:
                loaded = await run_in_threadpool(
                    load_csv, self.warehouse, request.query_params.get("table", ""), Path(file.name)
                )
            except CsvError as error:
                return _bad_request(str(error))
        return JSONResponse(asdict(loaded))

    async def seed(self, request: Request) -> Response:
        try:
            rows = int(request.query_params.get("rows", DEFAULT_CUSTOMERS))
            today = datetime.now(UTC).date().isoformat()
            as_of = date.fromisoformat(request.query_params.get("as_of", today))
        except ValueError as error:
            return _bad_request(str(error))
        if not 1 <= rows <= MAX_CUSTOMERS:
            return _bad_request(f"rows is a number from 1 to {MAX_CUSTOMERS}, not {rows}")
        return StreamingResponse(self._seed(rows, as_of), media_type="application/x-ndjson")

    def _seed(self, rows: int, as_of: date) -> Iterator[str]:
        total = 0
        for table in seed_shop(self.warehouse, rows, as_of):
            total += table.rows
            yield json.dumps(asdict(table)) + "\n"
        yield json.dumps({"done": True, "rows": total, "as_of": as_of.isoformat()}) + "\n"


def _bad_request(message: str) -> Response:
    return JSONResponse({"message": message}, status_code=400)
