"""Private keys, tokens and binds: what goes to Snowflake, and what is told when it cannot."""

import subprocess
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from hypothesis import given
from hypothesis import strategies as st

from tajo_sf_pipeline.audience.statement import BindValue
from tajo_sf_pipeline.config.settings import KeyPair, Snowflake
from tajo_sf_pipeline.errors import AuthenticationError, ConfigurationError, VendorOutageError
from tajo_sf_pipeline.sandbox.snowflake.binds import bound_values
from tajo_sf_pipeline.sandbox.snowflake.submission import Bind
from tajo_sf_pipeline.sources.snowflake import credentials as signing
from tajo_sf_pipeline.sources.snowflake import keys
from tajo_sf_pipeline.sources.snowflake.bindings import bindings, bound
from tajo_sf_pipeline.sources.snowflake.credentials import base_url, credentials_of, jwt_account
from tajo_sf_pipeline.sources.snowflake.error_translation import refusal
from tajo_sf_pipeline_tests.strategies import bindable, moments

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SHORT = rsa.generate_private_key(public_exponent=65537, key_size=1024)
CURVE = ec.generate_private_key(ec.SECP256R1())
SECRET = "s3cret wörd"
# openssl ecparam -name secp112r1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt
ODD_CURVE = """-----BEGIN PRIVATE KEY-----
ME4CAQAwEAYHKoZIzj0CAQYFK4EEAAYENzA1AgEBBA5415/13ZKH6zZBOq0SD6Eg
Ax4ABH+zbmaKwq0kB+3NbBFeti9iC2kvXt9L+P7JqhQ=
-----END PRIVATE KEY-----"""


def _pem(key: PrivateKeyTypes, passphrase: str | None = None) -> str:
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase is not None:
        encryption = serialization.BestAvailableEncryption(passphrase.encode())
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, encryption).decode()


ENCRYPTED = _pem(RSA, SECRET)


def _pair(**given: Any) -> KeyPair:
    return KeyPair.model_validate(given)


def _snowflake(**given: Any) -> Snowflake:
    settings = {
        "account": "myorg-my_account",
        "user": "tajo_integration",
        "database": "DB",
        "schema": "PUBLIC",
        "auth": {"private_key": _pem(RSA), "method": "key_pair"},
    }
    return Snowflake.model_validate(settings | given)


@pytest.mark.parametrize(
    "pair",
    [
        _pair(private_key=_pem(RSA)),
        _pair(private_key=_pem(RSA).replace("\n", "\\n")),
        _pair(private_key=ENCRYPTED, private_key_passphrase=SECRET),
        _pair(private_key=ENCRYPTED.replace("\n", "\\n"), private_key_passphrase=SECRET),
    ],
    ids=["plain", "on one line", "encrypted", "encrypted, on one line"],
)
def test_every_form_gives_the_same_key(pair: KeyPair, tmp_path: Path) -> None:
    """PKCS#8, encrypted or not, with line breaks or written as environment files have them."""
    assert RSA.private_numbers() == keys.private_key(pair, tmp_path).private_numbers()


def test_a_relative_path_is_beside_the_workspace_file(tmp_path: Path) -> None:
    """The folder that tajo runs in does not matter."""
    (tmp_path / "key.p8").write_text(_pem(RSA))
    found = keys.private_key(_pair(private_key_path="key.p8"), tmp_path)
    assert RSA.private_numbers() == found.private_numbers()


def test_the_key_as_openssl_makes_and_encrypts_it(tmp_path: Path) -> None:
    """Snowflake's documentation has these commands; ours and openssl's fingerprint are one."""
    for command in (
        "openssl genrsa -out plain.pem 2048",
        "openssl pkcs8 -topk8 -v2 des3 -in plain.pem -out key.p8 -passout pass:words",
        "openssl rsa -in plain.pem -pubout -outform DER -out public.der",
        "openssl dgst -sha256 -binary -out digest public.der",
        "openssl base64 -in digest -out fingerprint",
    ):
        subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    pair = _pair(private_key_path="key.p8", private_key_passphrase="words")
    found = keys.fingerprint(keys.private_key(pair, tmp_path))
    assert f"SHA256:{(tmp_path / 'fingerprint').read_text().strip()}" == found


@pytest.mark.parametrize(
    ("pair", "told"),
    [
        (
            _pair(private_key=ENCRYPTED, private_key_passphrase="wrong"),
            ("does not open with the passphrase", "Correct private_key_passphrase."),
        ),
        (
            _pair(private_key=ENCRYPTED),
            ("is encrypted, and no passphrase is given", "Set private_key_passphrase."),
        ),
        (
            _pair(private_key=_pem(RSA), private_key_passphrase=SECRET),
            (
                "is not encrypted, and a passphrase is given",
                "Take private_key_passphrase out.",
            ),
        ),
        (
            _pair(private_key=_pem(CURVE)),
            ("is ECPrivateKey, and Snowflake's REST API wants RSA", keys.MAKE_A_KEY),
        ),
        (
            _pair(private_key=_pem(SHORT)),
            ("has 1024 bits; Snowflake wants 2048 or more", keys.MAKE_A_KEY),
        ),
        (_pair(private_key="not a key"), ("is not a private key in PEM form", keys.MAKE_A_KEY)),
        (_pair(private_key=ODD_CURVE), ("is not a private key in PEM form", keys.MAKE_A_KEY)),
        (
            _pair(private_key=_pem(RSA)[:900]),
            ("is not a private key in PEM form", keys.MAKE_A_KEY),
        ),
        (
            _pair(private_key_path="/nowhere/key.p8"),
            ("cannot be read: /nowhere/key.p8: No such file or directory", keys.MAKE_A_KEY),
        ),
        (_pair(), ("is not given", "Give private_key or private_key_path under auth.")),
    ],
    ids=[
        *("wrong passphrase", "missing passphrase", "needless passphrase", "elliptic curve"),
        *("short", "no key", "a curve that nobody knows", "half a key", "no file", "nothing"),
    ],
)
def test_a_key_that_cannot_sign(pair: KeyPair, told: tuple[str, str], tmp_path: Path) -> None:
    """What is wrong with it and what to do, in two lines; never what is in it."""
    with pytest.raises(ConfigurationError) as refused:
        keys.private_key(pair, tmp_path)
    happened, next_step = told
    assert ("TAJO-131", f"the Snowflake private key {happened}", next_step) == (
        refused.value.code,
        refused.value.happened,
        refused.value.next_step,
    )
    key = pair.private_key.reveal().splitlines() if pair.private_key else []
    assert [] == [text for text in (*key, SECRET, "wrong") if text in str(refused.value)]


@pytest.mark.parametrize(
    ("account", "name"),
    [
        ("myorg-my_account", "MYORG-MY_ACCOUNT"),
        ("https://myorg-acct.snowflakecomputing.com/", "MYORG-ACCT"),
        ("MyOrg-Acct.snowflakecomputing.com", "MYORG-ACCT"),
        ("myorg-acct.privatelink.snowflakecomputing.com", "MYORG-ACCT"),
        ("xy12345", "XY12345"),
        ("xy12345.eu-west-1", "XY12345"),
        ("xy12345.us-east-2.aws", "XY12345"),
        ("xy12345-9876.global", "XY12345"),
    ],
)
def test_the_account_that_a_token_names(account: str, name: str) -> None:
    """Upper-cased, without domain, region and cloud: as the driver prepares it."""
    assert name == jwt_account(account)


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({"account": "myorg-my_account"}, "https://myorg-my-account.snowflakecomputing.com"),
        ({"account": "MYORG-ACCT"}, "https://myorg-acct.snowflakecomputing.com"),
        (
            {"account": "xy12345.eu-west-1.aws"},
            "https://xy12345.eu-west-1.aws.snowflakecomputing.com",
        ),
        ({"account": "https://a-b.snowflakecomputing.com/"}, "https://a-b.snowflakecomputing.com"),
        ({"host": "snow_flake.example"}, "https://snow_flake.example"),
        ({"host": "127.0.0.1", "port": 8791, "protocol": "http"}, "http://127.0.0.1:8791"),
    ],
)
def test_the_address(settings: dict[str, Any], url: str) -> None:
    """An account's own, with hyphens for underscores, or the host that is given, as it stands."""
    assert url == base_url(_snowflake(**settings))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Give the clock by which tokens age; it stands still unless a test moves `seconds`."""
    held = SimpleNamespace(seconds=1000.0)
    monkeypatch.setattr(signing, "time", SimpleNamespace(monotonic=lambda: held.seconds))
    return held


def _claims(token: str) -> dict[str, Any]:
    return dict(jwt.decode(token, RSA.public_key(), algorithms=["RS256"]))


def test_a_key_pair_token(tmp_path: Path, clock: SimpleNamespace) -> None:
    """Its claims name account, user and key, and it lives for an hour at most."""
    bearer = credentials_of(_snowflake(), tmp_path).bearer()
    claims = _claims(bearer.value)
    assert "KEYPAIR_JWT" == bearer.kind
    assert "MYORG-MY_ACCOUNT.TAJO_INTEGRATION" == claims["sub"]
    assert f"{claims['sub']}.{keys.fingerprint(RSA)}" == claims["iss"]
    assert 59 * 60 == claims["exp"] - claims["iat"]
    assert abs(datetime.now(UTC).timestamp() - claims["iat"]) < 5
    assert bearer.value not in repr(bearer)


def test_a_token_is_renewed_before_it_ages(
    tmp_path: Path, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One token serves for fifty minutes, and no longer, or until it is refused."""
    made = count(1)
    monkeypatch.setattr("jwt.encode", lambda *_, **__: str(next(made)))
    pair = credentials_of(_snowflake(), tmp_path)
    tokens = []
    for minutes in (0, 49, 2, 49, 2):
        clock.seconds += minutes * 60
        tokens.append(pair.bearer().value)
    assert ["1", "1", "2", "2", "3"] == tokens
    assert pair.renew()
    assert "4" == pair.bearer().value


@pytest.mark.parametrize(
    ("auth", "kind", "driver"),
    [
        (
            {"method": "pat", "token": "t"},
            "PROGRAMMATIC_ACCESS_TOKEN",
            {"authenticator": "PROGRAMMATIC_ACCESS_TOKEN", "token": "t"},
        ),
        (
            {"method": "oauth_token", "token": "t"},
            "OAUTH",
            {"authenticator": "oauth", "token": "t"},
        ),
    ],
)
def test_a_ready_token_is_used_as_it_is(
    auth: dict[str, str], kind: str, driver: dict[str, str], tmp_path: Path
) -> None:
    """Its kind is named to each transport, and nothing can renew it."""
    ready = credentials_of(_snowflake(auth=auth), tmp_path)
    assert ("t", kind) == (ready.bearer().value, ready.bearer().kind)
    assert driver == ready.driver_arguments()
    assert not ready.renew()


def test_a_password_is_for_the_driver_alone(tmp_path: Path) -> None:
    """The SQL API has no way to take one, which is told before it is called."""
    auth = {"method": "password", "password": SECRET}
    password = credentials_of(_snowflake(auth=auth), tmp_path)
    assert {"password": SECRET, "authenticator": "snowflake"} == password.driver_arguments()
    with pytest.raises(ConfigurationError, match=r"TAJO-132 .* takes no password") as refused:
        password.bearer()
    assert SECRET not in str(refused.value)


def _oauth(tmp_path: Path, **auth: str) -> signing.Credentials:
    given = {"client_id": "id", "client_secret": SECRET, "token_url": "http://tokens"}
    return credentials_of(_snowflake(role="SYNC", auth=given | auth), tmp_path)


def _answering(monkeypatch: pytest.MonkeyPatch, *answers: httpx.Response) -> list[dict[str, str]]:
    """Let the token endpoint answer so, and give what it is asked."""
    asked: list[dict[str, str]] = []
    left = iter(answers)

    def post(_url: str, *, data: dict[str, str], timeout: int) -> httpx.Response:
        asked.append(dict(data))
        return next(left)

    monkeypatch.setattr("httpx.post", post)
    return asked


def _token(value: str, **more: Any) -> httpx.Response:
    return httpx.Response(200, json={"access_token": value, "expires_in": 600, **more})


def test_a_refresh_token_that_is_replaced(
    tmp_path: Path, clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest refresh token is used, a minute before the access token's end."""
    asked = _answering(monkeypatch, _token("a", refresh_token="second"), _token("b"))
    oauth = _oauth(tmp_path, method="oauth_refresh_token", refresh_token="first")
    tokens = []
    for seconds in (0, 539, 1):
        clock.seconds += seconds
        tokens.append((oauth.bearer().value, oauth.bearer().kind))
    assert [("a", "OAUTH"), ("a", "OAUTH"), ("b", "OAUTH")] == tokens
    assert ["first", "second"] == [form["refresh_token"] for form in asked]


def test_client_credentials_ask_for_the_role(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a scope of its own the grant asks for the role that the workspace works with."""
    asked = _answering(monkeypatch, _token("a"), _token("b"))
    assert "a" == _oauth(tmp_path, method="oauth_client_credentials").bearer().value
    _oauth(tmp_path, method="oauth_client_credentials", scope="api://x/.default").bearer()
    assert ["session:role:SYNC", "api://x/.default"] == [form["scope"] for form in asked]


@pytest.mark.parametrize(
    ("answer", "kind", "told"),
    [
        (
            httpx.Response(401, json={"error": "invalid_client", "message": "No such client."}),
            AuthenticationError,
            "TAJO-202 http://tokens gave no token (invalid_client): No such client.",
        ),
        (
            httpx.Response(400, json={"error": "unsupported_grant_type"}),
            AuthenticationError,
            "TAJO-202 http://tokens gave no token (unsupported_grant_type): no reason",
        ),
        (
            httpx.Response(200, html="<html>Sign in</html>"),
            AuthenticationError,
            "TAJO-202 http://tokens gave no token (200): no reason",
        ),
        (
            httpx.Response(503),
            VendorOutageError,
            "TAJO-503 the token endpoint http://tokens did not answer: HTTP 503",
        ),
        (
            httpx.Response(200, content=b"{", headers={"content-type": "application/json"}),
            VendorOutageError,
            "TAJO-503 the token endpoint http://tokens did not answer",
        ),
    ],
)
def test_a_token_endpoint_that_gives_none(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    answer: httpx.Response,
    kind: type[Exception],
    told: str,
) -> None:
    """A refusal wants other credentials, an outage some time; the client's secret is not told."""
    _answering(monkeypatch, answer)
    with pytest.raises(kind) as refused:
        _oauth(tmp_path, method="oauth_client_credentials").bearer()
    assert told in str(refused.value)
    assert 2 == len(str(refused.value).splitlines())
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (401, {"code": "390318", "message": "OAuth access token expired."}, "TAJO-201"),
        (401, {"code": "391234", "message": "Something new."}, "TAJO-201"),
        (401, None, "TAJO-201"),
        (403, {"message": "IP 10.0.0.1 is not allowed to access Snowflake."}, "TAJO-302"),
        (401, {"message": "IP 10.0.0.1 is not allowed to access Snowflake."}, "TAJO-302"),
        (403, None, "TAJO-301"),
        (404, None, "TAJO-501"),
        (422, {"code": "000709", "message": "Statement x not found"}, "TAJO-124"),
        (422, {"code": "001003", "message": "SQL compilation error:\nsyntax error"}, "TAJO-124"),
        (408, {"code": "000630", "message": "Statement reached its timeout"}, "TAJO-502"),
        (503, None, "TAJO-501"),
    ],
)
def test_a_refusal_of_the_sql_api(status: int, body: dict[str, str] | None, code: str) -> None:
    """Each is one error of ours in two lines, whether its body is JSON, text or nothing."""
    answer = httpx.Response(status, json=body) if body else httpx.Response(status)
    error = refusal(answer, _snowflake(), "sql/people.sql")
    assert (code, 2) == (error.code, len(str(error).splitlines()))


PARIS = datetime(2021, 3, 19, 19, 6, 59, tzinfo=timezone(timedelta(hours=2)))


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (None, "TEXT", None),
        ("Zoë 😀", "TEXT", "Zoë 😀"),
        (True, "BOOLEAN", "true"),
        (-7, "FIXED", "-7"),
        (Decimal("1E+3"), "FIXED", "1000"),
        (Decimal("-0.10"), "FIXED", "-0.10"),
        (1.5e300, "REAL", "1.5e+300"),
        (b"\x00\xff", "BINARY", "00ff"),
        (date(2020, 1, 1), "DATE", "1577836800000"),
        (time(23, 1, 59, 500_000), "TIME", "82919500000000"),
        (PARIS.replace(tzinfo=None), "TIMESTAMP_NTZ", "1616180819000000000"),
        (PARIS, "TIMESTAMP_TZ", "1616173619000000000 1560"),
    ],
)
def test_every_type_as_it_is_bound(value: object, kind: str, text: str | None) -> None:
    """The documentation's table of types; values are text."""
    assert {"1": {"type": kind, "value": text}} == bindings([value])


def test_binds_count_from_one() -> None:
    """Placeholders are bound in their order."""
    assert ["1", "2", "3"] == list(bindings(["a", "b", "c"]))


def test_what_cannot_be_bound() -> None:
    """A type that nobody foresaw is a defect, not a text."""
    with pytest.raises(TypeError, match="a list cannot be bound"):
        bindings([[1]])


@given(st.lists(bindable, min_size=1, max_size=4))
def test_what_is_bound_is_what_arrives(values: list[object]) -> None:
    """The local Snowflake, which shares no code with us, reads the same values."""
    binds = {number: Bind(**bind) for number, bind in bindings(values).items()}
    read = bound_values(binds)
    assert read is not None
    assert values == list(read)


@given(moments)
def test_a_moment_is_bound_in_utc(moment: datetime) -> None:
    """A moment is the same one without its zone, as the session's zone is UTC."""
    found: BindValue = bound(moment)
    assert isinstance(found, datetime)
    assert (None, moment.astimezone(UTC)) == (found.tzinfo, found.replace(tzinfo=UTC))
