"""Where settings come from, and the secrets among them."""

from pathlib import Path

import pytest

from tajo_sf_pipeline.config import settings
from tajo_sf_pipeline.config.yaml_document import Credential
from tajo_sf_pipeline.errors import ConfigurationError

PLACE = "account: acme\n    database: MARKETING_DB\n    schema: PUBLIC\n"
MINIMAL = f"connectors:\n  snowflake:\n    {PLACE}"
SECRETS = ("s3cret-user", "s3cret-key", "s3cret-passphrase", "s3cret-brevo")
WITH_SECRETS = f"""\
connectors:
  snowflake:
    {PLACE}
    user: s3cret-user
    auth: {{method: key_pair, private_key: s3cret-key, private_key_passphrase: s3cret-passphrase}}
  brevo:
    api_key: s3cret-brevo
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with the smallest workspace."""
    (tmp_path / "tajo.yaml").write_text(MINIMAL, encoding="utf-8")
    return tmp_path


def _message_of(credential: Credential) -> str:
    with pytest.raises(ConfigurationError) as refused:
        credential.reveal()
    assert "TAJO-104" == refused.value.code
    return refused.value.happened


def test_credentials_may_be_left_out(folder: Path) -> None:
    """A workspace without credentials loads; each names the variable that a run will want."""
    loaded = settings.load(folder / "tajo.yaml")
    auth = loaded.snowflake.auth
    assert isinstance(auth, settings.KeyPair)
    assert auth.private_key is not None
    assert [
        "the environment variable SNOWFLAKE_USER is not set",
        "the environment variable SNOWFLAKE_PRIVATE_KEY is not set",
        "the environment variable BREVO_API_KEY is not set",
    ] == [
        _message_of(credential)
        for credential in (loaded.snowflake.user, auth.private_key, loaded.brevo.api_key)
    ]


def test_credentials_left_out_come_from_the_environment(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The three variables fill in what tajo.yaml does not say."""
    monkeypatch.setenv("SNOWFLAKE_USER", "TAJO")
    monkeypatch.setenv("SNOWFLAKE_PRIVATE_KEY", "pem")
    monkeypatch.setenv("BREVO_API_KEY", "key")
    loaded = settings.load(folder / "tajo.yaml")
    auth = loaded.snowflake.auth
    assert isinstance(auth, settings.KeyPair)
    assert auth.private_key is not None
    assert ["TAJO", "pem", "key"] == [
        credential.reveal()
        for credential in (loaded.snowflake.user, auth.private_key, loaded.brevo.api_key)
    ]


@pytest.mark.parametrize("value", [None, ""], ids=["unset", "empty"])
def test_variable_of_a_credential_may_be_missing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    """A credential's variable that is missing, or empty as in CI, fails the run, not the load."""
    if value is not None:
        monkeypatch.setenv("THE_KEY", value)
    (folder / "tajo.yaml").write_text(f"{MINIMAL}  brevo: {{api_key: '${{THE_KEY}}'}}\n")
    loaded = settings.load(folder / "tajo.yaml")
    assert "the environment variable THE_KEY is not set" == _message_of(loaded.brevo.api_key)


def test_env_file_beside_the_workspace_is_read(folder: Path) -> None:
    """A variable may stand in .env."""
    (folder / ".env").write_text("BREVO_API_KEY=from-the-file\n", encoding="utf-8")
    loaded = settings.load(folder / "tajo.yaml")
    assert "from-the-file" == loaded.brevo.api_key.reveal()


def test_environment_wins_over_the_env_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is really in the environment counts, whatever .env says."""
    (folder / ".env").write_text("BREVO_API_KEY=from-the-file\n", encoding="utf-8")
    monkeypatch.setenv("BREVO_API_KEY", "from-outside")
    loaded = settings.load(folder / "tajo.yaml")
    assert "from-outside" == loaded.brevo.api_key.reveal()


def test_tajo_config_names_the_workspace(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a path the file is TAJO_CONFIG's."""
    other = folder / "other.yaml"
    other.write_text(f"workspace: other\n{MINIMAL}", encoding="utf-8")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("TAJO_CONFIG", str(other))
    assert "other" == settings.load().file.workspace


def test_a_path_wins_over_tajo_config(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path that is given is the one that is read."""
    monkeypatch.setenv("TAJO_CONFIG", "/nowhere.yaml")
    assert folder / "tajo.yaml" == settings.load(folder / "tajo.yaml").path


@pytest.mark.parametrize("value", [None, ""], ids=["unset", "empty"])
def test_the_workspace_of_this_folder(
    folder: Path, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    """Without a path and TAJO_CONFIG it is the tajo.yaml of the folder that we are in."""
    if value is not None:
        monkeypatch.setenv("TAJO_CONFIG", value)
    monkeypatch.chdir(folder)
    assert folder / "tajo.yaml" == settings.load().path


@pytest.mark.parametrize(
    ("value", "home"),
    [(None, ".tajo"), ("", ".tajo"), ("state", "state"), ("/var/tajo", "/var/tajo")],
    ids=["unset", "empty", "relative", "absolute"],
)
def test_tajo_home(
    folder: Path, monkeypatch: pytest.MonkeyPatch, value: str | None, home: str
) -> None:
    """TAJO_HOME is beside the workspace unless it is absolute, whatever folder we are in."""
    if value is not None:
        monkeypatch.setenv("TAJO_HOME", value)
    monkeypatch.chdir("/")
    assert folder / home == settings.load(folder / "tajo.yaml").home


def test_s14_settings_do_not_show_secrets(folder: Path) -> None:
    """Neither `repr` nor `str` of the settings, or of any part of them, has a secret in it."""
    (folder / "tajo.yaml").write_text(WITH_SECRETS, encoding="utf-8")
    (folder / ".env").write_text("BREVO_API_KEY=s3cret-in-env\n", encoding="utf-8")
    loaded = settings.load(folder / "tajo.yaml")
    assert "s3cret-brevo" == loaded.brevo.api_key.reveal()
    parts = (loaded, loaded.file, loaded.snowflake, loaded.snowflake.auth, loaded.brevo.api_key)
    shown = " ".join(show(part) for part in parts for show in (repr, str))
    assert [] == [secret for secret in (*SECRETS, "s3cret-in-env") if secret in shown]


def test_s14_refusals_do_not_show_secrets(folder: Path) -> None:
    """A mistake beside a secret is told without the secret."""
    text = WITH_SECRETS.replace("private_key:", "private_kay:")
    (folder / "tajo.yaml").write_text(text.replace("user: s3cret-user", "user: [s3cret-user]"))
    with pytest.raises(ConfigurationError) as refused:
        settings.load(folder / "tajo.yaml")
    assert "did you mean `private_key`?" in str(refused.value)
    assert [] == [secret for secret in SECRETS if secret in str(refused.value)]
