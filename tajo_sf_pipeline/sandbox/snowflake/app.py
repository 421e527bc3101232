"""One Starlette app: fakesnow's routes, ours around or beside them, and `/admin`."""

import importlib

from fakesnow.server import routes as fakesnow_routes
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tajo_sf_pipeline.sandbox.snowflake.activity import Activity
from tajo_sf_pipeline.sandbox.snowflake.admin_routes import AdminRoutes
from tajo_sf_pipeline.sandbox.snowflake.credentials import Credentials
from tajo_sf_pipeline.sandbox.snowflake.driver_routes import DriverRoutes
from tajo_sf_pipeline.sandbox.snowflake.faults import Faults
from tajo_sf_pipeline.sandbox.snowflake.oauth_routes import OAuthRoutes
from tajo_sf_pipeline.sandbox.snowflake.settings import Settings
from tajo_sf_pipeline.sandbox.snowflake.sql_api_routes import SqlApiRoutes
from tajo_sf_pipeline.sandbox.snowflake.statements import Statements
from tajo_sf_pipeline.sandbox.snowflake.user import User
from tajo_sf_pipeline.sandbox.snowflake.warehouse import Warehouse


def create_app(
    warehouse: Warehouse, credentials: Credentials, settings: Settings, faults: Faults
) -> Starlette:
    # fakesnow's routes look for their engine here; the package has a function of the module's
    # name, which is all that a type checker sees.
    vars(importlib.import_module("fakesnow.server"))["shared_fs"] = warehouse
    activity, user = Activity(), User.with_credentials(credentials)
    statements = Statements(warehouse, activity, settings, faults)
    # Starlette takes the first route that matches, so ours stand before fakesnow's.
    routes = [
        *_driver_routes(DriverRoutes(user, activity, faults)),
        *_sql_api_routes(SqlApiRoutes(user, settings, faults, statements)),
        *_oauth_routes(OAuthRoutes(user, settings, faults)),
        *_admin_routes(AdminRoutes(warehouse, activity, faults, settings, user)),
        *fakesnow_routes,
    ]
    return Starlette(routes=routes, exception_handlers={405: _method_not_allowed})


def _driver_routes(driver: DriverRoutes) -> list[Route]:
    return [
        Route("/session/v1/login-request", driver.login, methods=["POST"]),
        Route("/session", driver.end_session, methods=["POST"]),
        Route("/queries/v1/query-request", driver.query, methods=["POST"]),
        Route("/results/{query_id}/{number:int}", driver.chunk),
        Route("/telemetry/send", _accept, methods=["POST"]),
    ]


def _sql_api_routes(api: SqlApiRoutes) -> list[Route]:
    return [
        Route("/api/v2/statements", api.submit, methods=["POST"]),
        Route("/api/v2/statements/{handle}", api.status),
        Route("/api/v2/statements/{handle}/cancel", api.cancel, methods=["POST"]),
    ]


def _oauth_routes(oauth: OAuthRoutes) -> list[Route]:
    return [
        Route("/oauth/token-request", oauth.snowflake_token, methods=["POST"]),
        Route("/external-oauth/token", oauth.external_token, methods=["POST"]),
    ]


def _admin_routes(admin: AdminRoutes) -> list[Route]:
    return [
        Route("/admin/health", admin.health),
        Route("/admin/statements", admin.statements),
        Route("/admin/sessions", admin.sessions),
        Route("/admin/faults", admin.planned_faults),
        Route("/admin/faults", admin.plan_fault, methods=["POST"]),
        Route("/admin/faults", admin.clear_faults, methods=["DELETE"]),
        Route("/admin/settings", admin.read_settings),
        Route("/admin/settings", admin.change_settings, methods=["POST"]),
        Route("/admin/keys", admin.register_key, methods=["POST"]),
        Route("/admin/load", admin.load, methods=["POST"]),
        Route("/admin/seed", admin.seed, methods=["POST"]),
    ]


async def _accept(_: Request) -> JSONResponse:
    return JSONResponse({"data": None, "code": None, "message": None, "success": True})


async def _method_not_allowed(_: Request, __: Exception) -> Response:
    """Answer as the SQL API does, with nothing."""
    return Response(status_code=405)
