"""Who may call the local SQL API: key pairs and their rotation, OAuth tokens, PATs."""

import base64
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote_plus

import httpx
import jwt
import pytest
import snowflake.connector
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from snowflake.connector.errors import DatabaseError

from tajo_sf_pipeline_tests.sql_api_calls import (
    TOKEN_TYPE,
    SqlApi,
    error,
    key_pair_token,
    serving_sql_api,
)

OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SNOWFLAKE_CLIENT = ("sandbox-oauth-client", "sandbox-oauth-secret")
EXTERNAL_CLIENT = {
    "client_id": "sandbox-external-client",
    "client_secret": "sandbox-external-secret",
}
REFRESH = {"grant_type": "refresh_token", "refresh_token": "sandbox-refresh-token"}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqlApi]:
    with serving_sql_api(tmp_path_factory.mktemp("sandbox")) as api:
        yield api


@pytest.fixture(scope="module")
def fingerprint(api: SqlApi) -> str:
    """Give what `DESC USER` shows of the key that is registered from the start."""
    registered = api.client.post("/admin/keys", json={"slot": 2, "public_key": None})
    return str(registered.json()["fingerprints"]["1"])


@pytest.fixture
def private_key(api: SqlApi) -> bytes:
    return api.sandbox.private_key_path.read_bytes()


def call(api: SqlApi, token: str, token_type: str | None) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} | (
        {TOKEN_TYPE: token_type} if token_type else {}
    )
    body = {"statement": "SELECT 1 AS a"}
    return httpx.post(f"{api.sandbox.snowflake_url}/api/v2/statements", headers=headers, json=body)


def public_pem(key: Any) -> str:
    encoding, format_ = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return str(key.public_key().public_bytes(encoding, format_).decode())


def private_pem(key: rsa.RSAPrivateKey) -> bytes:
    encoding, format_ = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, format_, serialization.NoEncryption())


def driver_session(api: SqlApi, token: str) -> snowflake.connector.SnowflakeConnection:
    return snowflake.connector.connect(
        host="127.0.0.1",
        port=api.sandbox.snowflake_port,
        protocol="http",
        account=api.sandbox.account,
        user=api.sandbox.user,
        authenticator="oauth",
        token=token,
        login_timeout=5,
    )


@pytest.mark.parametrize("declared", [True, False])
def test_a_right_token_is_let_in(
    api: SqlApi, private_key: bytes, fingerprint: str, declared: bool
) -> None:
    """With its type declared, or found by examining the token."""
    tokens = {
        "KEYPAIR_JWT": key_pair_token(private_key, fingerprint),
        "OAUTH": "sandbox-oauth-token",
        "PROGRAMMATIC_ACCESS_TOKEN": "sandbox-pat",
    }
    answers = [call(api, token, type_ if declared else None) for type_, token in tokens.items()]
    assert [200, 200, 200] == [answer.status_code for answer in answers]


@pytest.mark.parametrize(
    ("token", "token_type", "code"),
    [
        ("x", "KEYPAIR_JWT", "390144"),
        ("x", "OAUTH", "390303"),
        ("x", "PROGRAMMATIC_ACCESS_TOKEN", "394400"),
        ("sandbox-pat", "OAUTH", "390303"),
        ("sandbox-oauth-token", "PROGRAMMATIC_ACCESS_TOKEN", "394400"),
        ("WIF.OIDC.x", "WORKLOAD_IDENTITY_FEDERATION", "390100"),
    ],
)
def test_a_wrong_token_is_refused(api: SqlApi, token: str, token_type: str, code: str) -> None:
    """As is a right one under another type."""
    assert (401, code) == error(call(api, token, token_type))


def test_every_operation_wants_a_token(api: SqlApi) -> None:
    """401 before anything else is looked at."""
    address = f"{api.sandbox.snowflake_url}/api/v2/statements"
    answers = [httpx.post(address), httpx.get(f"{address}/x"), httpx.post(f"{address}/x/cancel")]
    assert [(401, "390101")] * 3 == [error(answer) for answer in answers]


@pytest.mark.parametrize(
    "changes",
    [
        {"sub": "SANDBOX.SOMEONE"},
        {"sub": "sandbox.tajo_integration"},
        {"iss": "SANDBOX.TAJO_INTEGRATION"},
        {"iss": "XY12345.EU-CENTRAL-1.TAJO_INTEGRATION.{fingerprint}"},
        {"iss": "sandbox.TAJO_INTEGRATION.{fingerprint}"},
        {"iss": "SANDBOX.TAJO_INTEGRATION.SHA256:eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHg="},
        {"iat": None},
        {"exp": None},
        {"exp": time.time() - 120},
        {"iat": time.time() - 7200},
        {"iat": time.time() + 7200},
    ],
)
def test_each_claim_of_a_key_pair_token_is_checked(
    api: SqlApi, private_key: bytes, fingerprint: str, changes: dict[str, Any]
) -> None:
    """User and account form, fingerprint, issue and expiration time."""
    if "iss" in changes:
        changes = {"iss": changes["iss"].format(fingerprint=fingerprint)}
    token = key_pair_token(private_key, fingerprint, **changes)
    assert (401, "390144") == error(call(api, token, "KEYPAIR_JWT"))


def test_the_signature_of_a_key_pair_token_is_checked(api: SqlApi, fingerprint: str) -> None:
    """By the key that the issuer names, and in an algorithm of RSA."""
    forged = key_pair_token(private_pem(OTHER_KEY), fingerprint)
    weak = jwt.encode({"iss": "x"}, "secret-of-32-bytes-or-more-xxxxxx", algorithm="HS256")
    for token in (forged, weak):
        assert (401, "390144") == error(call(api, token, "KEYPAIR_JWT"))


def test_times_may_be_in_milliseconds(api: SqlApi, private_key: bytes, fingerprint: str) -> None:
    """As the documentation allows."""
    now = int(time.time() * 1000)
    token = key_pair_token(private_key, fingerprint, iat=now, exp=now + 60_000)
    assert call(api, token, "KEYPAIR_JWT").status_code == 200


def test_keys_are_rotated_without_a_gap(api: SqlApi, private_key: bytes, fingerprint: str) -> None:
    """Two keys hold at a time; one that is taken away no longer does."""

    def register(slot: int, key: str | None) -> dict[str, str]:
        answer = api.client.post("/admin/keys", json={"slot": slot, "public_key": key})
        found: dict[str, str] = answer.raise_for_status().json()["fingerprints"]
        return found

    second = register(2, public_pem(OTHER_KEY))["2"]
    old = key_pair_token(private_key, fingerprint)
    new = key_pair_token(private_pem(OTHER_KEY), second)
    both = [call(api, token, "KEYPAIR_JWT").status_code for token in (old, new)]
    first_key = public_pem(serialization.load_pem_private_key(private_key, None))
    register(1, None)
    without_first = [call(api, token, "KEYPAIR_JWT").status_code for token in (old, new)]
    register(1, first_key)
    register(2, None)
    assert ([200, 200], [401, 200]) == (both, without_first)
    assert call(api, old, "KEYPAIR_JWT").status_code == 200


@pytest.mark.parametrize(
    "order",
    [
        {"slot": 3, "public_key": None},
        {"slot": 1},
        {"slot": 1, "public_key": "MIIB"},
        {"slot": 1, "public_key": public_pem(ec.generate_private_key(ec.SECP256R1()))},
    ],
)
def test_what_is_no_key_is_not_registered(api: SqlApi, order: dict[str, Any]) -> None:
    """The refusal leaves the registered keys as they are."""
    assert api.client.post("/admin/keys", json=order).status_code == 400


def refreshed(api: SqlApi, **options: Any) -> httpx.Response:
    return httpx.post(f"{api.sandbox.snowflake_url}/oauth/token-request", **options)


def test_a_refresh_token_gets_an_access_token(api: SqlApi) -> None:
    """The client shows its secret in the header, URL-encoded first, or in the form."""
    encoded = ":".join(quote_plus(part) for part in SNOWFLAKE_CLIENT)
    basic = {"Authorization": "Basic " + base64.b64encode(encoded.encode()).decode()}
    in_form = dict(zip(("client_id", "client_secret"), SNOWFLAKE_CLIENT, strict=True))
    for answer in (
        refreshed(api, headers=basic, data=REFRESH),
        refreshed(api, data=REFRESH | in_form),
    ):
        body = answer.json()
        assert ("Bearer", 600) == (body["token_type"], body["expires_in"])
        assert call(api, body["access_token"], "OAUTH").status_code == 200
        with driver_session(api, body["access_token"]) as connection:
            assert not connection.is_closed()


@pytest.mark.parametrize(
    ("client", "form", "status", "name"),
    [
        (("x", "y"), REFRESH, 401, "invalid_client"),
        (SNOWFLAKE_CLIENT, {"grant_type": "client_credentials"}, 400, "unsupported_grant_type"),
        (SNOWFLAKE_CLIENT, REFRESH | {"refresh_token": "x"}, 400, "invalid_grant"),
    ],
)
def test_snowflake_refuses_other_grants(
    api: SqlApi, client: tuple[str, str], form: dict[str, str], status: int, name: str
) -> None:
    """Machines have no grant of their own, and errors have Snowflake's form."""
    answer = refreshed(api, auth=client, data=form)
    assert (status, name, False) == (
        answer.status_code,
        *map(answer.json().get, ("error", "success")),
    )


def external(api: SqlApi, **form: str) -> httpx.Response:
    return httpx.post(f"{api.sandbox.snowflake_url}/external-oauth/token", data=form)


def test_an_identity_provider_knows_machines(api: SqlApi) -> None:
    """Its access tokens open the SQL API and the driver's sessions."""
    form = EXTERNAL_CLIENT | {"grant_type": "client_credentials", "scope": "session:role:LOADER"}
    token = external(api, **form).json()["access_token"]
    assert call(api, token, "OAUTH").status_code == 200
    with driver_session(api, token) as connection:
        assert not connection.is_closed()


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"client_secret": "x"}, "invalid_client"),
        ({"grant_type": "refresh_token"}, "unsupported_grant_type"),
        ({"scope": "openid"}, "invalid_scope"),
    ],
)
def test_an_identity_provider_refuses_in_its_own_form(
    api: SqlApi, changes: dict[str, str], name: str
) -> None:
    """The form of RFC 6749."""
    right = {"grant_type": "client_credentials", "scope": "session:role-any"}
    assert name == external(api, **(EXTERNAL_CLIENT | right | changes)).json()["error"]


def test_access_tokens_expire(api: SqlApi) -> None:
    """Snowflake's own have one code for that and for being wrong; external ones and drivers two."""
    right = {"grant_type": "client_credentials", "scope": "session:role-any"}
    with api.changed(access_token_seconds=0):
        own = refreshed(api, auth=SNOWFLAKE_CLIENT, data=REFRESH).json()["access_token"]
        foreign = external(api, **EXTERNAL_CLIENT, **right).json()["access_token"]
    assert (401, "390303") == error(call(api, own, "OAUTH"))
    assert (401, "390318") == error(call(api, foreign, "OAUTH"))
    for token in (own, foreign):
        with pytest.raises(DatabaseError, match="OAuth access token expired") as raised:
            driver_session(api, token)
        assert raised.value.errno == 390318
