"""Every way to sign in, on both transports, by the command that proves it."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization

from tajo_sf_pipeline.sandbox import Sandbox
from tajo_sf_pipeline.sources.snowflake.onboarding import make_key
from tajo_sf_pipeline_tests.workspaces import Ran, Workspace

TRANSPORTS = ("connector", "sql_api")
PASSPHRASE = "s3cret-words"


def _prove(workspace: Workspace, auth: dict[str, str], transport: str, **more: Any) -> Ran:
    workspace.write(snowflake={"auth": auth, "transport": transport, **more})
    return workspace.tajo("connectors", "test", "snowflake", "--json")


def _signed_in(ran: Ran) -> str:
    """Give what was found of the sign-in; its failure shows the error."""
    [finding] = [one for one in ran.json()["findings"] if one["check"] == "sign-in"]
    assert finding["ok"], finding
    return str(finding["found"])


def _refused(ran: Ran) -> tuple[int, str, str]:
    """Give the exit code, and the error's code and text: a refused sign-in is the only finding."""
    [finding] = ran.json()["findings"]
    error = finding["error"]
    return ran.code, error["code"], f"{error['message']}\n{error['next_step']}"


@pytest.fixture
def encrypted_key(sandbox: Sandbox, tmp_path: Path) -> Path:
    """Give the sandbox's own key, encrypted as Snowflake recommends."""
    key = serialization.load_pem_private_key(sandbox.private_key_path.read_bytes(), None)
    path = tmp_path / "encrypted.p8"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(PASSPHRASE.encode()),
        )
    )
    return path


def _ways(sandbox: Sandbox) -> dict[str, dict[str, str]]:
    key = sandbox.private_key_path
    return {
        "key in a file": {"method": "key_pair", "private_key_path": str(key)},
        "key in a variable": {
            "method": "key_pair",
            "private_key": key.read_text().replace("\n", "\\n"),
        },
        "encrypted key": {
            "method": "key_pair",
            "private_key_path": "encrypted.p8",
            "private_key_passphrase": PASSPHRASE,
        },
        "pat": {"method": "pat", "token": sandbox.programmatic_access_token},
        "oauth_token": {"method": "oauth_token", "token": sandbox.oauth_token},
        "oauth_refresh_token": {
            "method": "oauth_refresh_token",
            "client_id": sandbox.oauth_client_id,
            "client_secret": sandbox.oauth_client_secret,
            "refresh_token": sandbox.oauth_refresh_token,
        },
        "oauth_client_credentials": {
            "method": "oauth_client_credentials",
            "client_id": sandbox.external_client_id,
            "client_secret": sandbox.external_client_secret,
            "token_url": f"{sandbox.snowflake_url}/external-oauth/token",
            "scope": "session:role-any",
        },
    }


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(
    "route",
    [
        *("key in a file", "key in a variable", "encrypted key", "pat", "oauth_token"),
        *("oauth_refresh_token", "oauth_client_credentials"),
    ],
)
def test_every_way_signs_in(
    workspace: Workspace, encrypted_key: Path, route: str, transport: str
) -> None:
    """The session is the service user's, whichever credentials opened it."""
    auth = _ways(workspace.sandbox)[route]
    ran = _prove(workspace, auth, transport)
    assert f"as {workspace.sandbox.user}, by {auth['method']}" == _signed_in(ran)


def test_a_password_signs_in_by_the_driver_alone(workspace: Workspace) -> None:
    """The SQL API's refusal is ours: it names the transport that would take it."""
    auth = {"method": "password", "password": workspace.sandbox.password}
    assert "by password" in _signed_in(_prove(workspace, auth, "connector"))
    code, error, text = _refused(_prove(workspace, auth, "sql_api"))
    assert (2, "TAJO-132") == (code, error)
    assert "Use transport: connector" in text
    assert workspace.sandbox.password not in text


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_both_keys_of_a_user_sign_in(workspace: Workspace, transport: str) -> None:
    """A key registered in the second slot works beside the first, and no longer when it is gone."""
    key = make_key(workspace.folder / "second.p8")
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    second = {"method": "key_pair", "private_key_path": "second.p8"}
    first = _ways(workspace.sandbox)["key in a file"]
    _register(workspace.sandbox, public.decode())
    try:
        for auth in (first, second):
            assert "by key_pair" in _signed_in(_prove(workspace, auth, transport))
    finally:
        _register(workspace.sandbox, None)
    assert (3, "TAJO-201") == _refused(_prove(workspace, second, transport))[:2]
    assert "by key_pair" in _signed_in(_prove(workspace, first, transport))


def _register(sandbox: Sandbox, public_key: str | None) -> None:
    order = {"slot": 2, "public_key": public_key}
    httpx.post(f"{sandbox.snowflake_url}/admin/keys", json=order).raise_for_status()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_snowflakes_own_endpoint_gives_no_tokens_to_clients(
    workspace: Workspace, transport: str
) -> None:
    """Client credentials want an identity provider, which the error says."""
    sandbox = workspace.sandbox
    auth = {
        "method": "oauth_client_credentials",
        "client_id": sandbox.oauth_client_id,
        "client_secret": sandbox.oauth_client_secret,
        "token_url": f"{sandbox.snowflake_url}/oauth/token-request",
    }
    code, error, text = _refused(_prove(workspace, auth, transport))
    assert (3, "TAJO-202") == (code, error)
    assert "(unsupported_grant_type)" in text
    assert "Snowflake's own endpoint gives no client-credentials tokens" in text
    assert "identity provider" in text


@pytest.mark.parametrize("wrong", ["client_secret", "refresh_token"])
def test_a_refresh_token_or_secret_that_is_wrong(workspace: Workspace, wrong: str) -> None:
    """The token endpoint's own reason is told, and neither secret."""
    auth = _ways(workspace.sandbox)["oauth_refresh_token"] | {wrong: "wr0ng-s3cret"}
    code, error, text = _refused(_prove(workspace, auth, "sql_api"))
    assert (3, "TAJO-202") == (code, error)
    assert ("invalid_client" if wrong == "client_secret" else "invalid_grant") in text
    assert "wr0ng-s3cret" not in text


def test_external_tokens_are_for_the_role_of_the_workspace(workspace: Workspace) -> None:
    """Without a scope the role is asked for; with neither, the provider's refusal is told."""
    auth = _ways(workspace.sandbox)["oauth_client_credentials"]
    del auth["scope"]
    assert "by oauth_client_credentials" in _signed_in(
        _prove(workspace, auth, "sql_api", role="TAJO_ROLE")
    )
    code, error, text = _refused(_prove(workspace, auth, "sql_api"))
    assert (3, "TAJO-202") == (code, error)
    assert "invalid_scope" in text
    assert "auth.scope" in text
