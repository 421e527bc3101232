"""What stands in deploy/, held by its linters; its processes run in server/test_compose.py."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
BIN = Path(sys.executable).parent
YAML_STYLE = (
    "{extends: default, rules: {line-length: {max: 120}, document-start: disable, "
    "octal-values: disable, comments: {min-spaces-from-content: 1}}}"
)


def _read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _pins(name: str) -> dict[str, str]:
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9._-]+)(?:\[[^]]*\])?==([^ ;]+)", text, re.MULTILINE))


@pytest.mark.parametrize(
    "command",
    [
        ["hadolint", "deploy/Dockerfile"],
        ["yamllint", "--strict", "-d", YAML_STYLE, "deploy", "dagster.yaml", "workspace.yaml"],
        ["check-jsonschema", "--builtin-schema", "vendor.compose-spec", "deploy/compose.yaml"],
    ],
    ids=["hadolint", "yamllint", "compose-spec"],
)
def test_the_linter_finds_nothing(command: list[str]) -> None:
    """The Dockerfile, every YAML file, and the compose file against its specification."""
    ran = subprocess.run(
        [BIN / command[0], *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (0, "") == (ran.returncode, ran.stderr), ran.stdout


def test_the_image_copies_what_exists_and_is_not_ignored() -> None:
    """Each source of a COPY is in the repository, and let through by the ignore file."""
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    copied = [
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", dockerfile, re.MULTILINE)
        for source in line.split()[:-1]
    ]
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    let_through = [line.removeprefix("!").rstrip("/") for line in ignored if line.startswith("!")]
    assert [] == [source for source in copied if not (ROOT / source).exists()]
    assert sorted(copied) == sorted(let_through)


def test_the_image_does_not_run_as_root() -> None:
    """The last stage ends with a numeric user that is not 0, which Kubernetes can verify."""
    last = (DEPLOY / "Dockerfile").read_text().rpartition("\nFROM ")[2]
    assert "ARG UID=10001" in last
    assert "USER $UID:$UID" in last


def test_the_image_has_the_pinned_versions() -> None:
    """Its set is hashed whole, and has the versions that the tests run with."""
    lines = (ROOT / "requirements" / "deploy.txt").read_text().splitlines()
    pinned = [line for line in lines if re.match(r"[a-z]", line)]
    assert [] == [line for line in pinned if "==" not in line or not line.endswith("\\")]
    image, tested = _pins("deploy.txt"), _pins("dev.txt")
    assert {"dagster-postgres", "psycopg2-binary", "dagster-webserver"} <= image.keys()
    assert [] == [
        f"{name}: {version}, tested with {tested[name]}"
        for name, version in image.items()
        if tested.get(name, version) != version
    ]


def test_helms_instance_is_dagster_yaml() -> None:
    """The chart's words for monitoring, retries, retention, limits and logs say the same."""
    ours, values = _read(ROOT / "dagster.yaml"), _read(DEPLOY / "helm-values.yaml")
    daemon, more = values["dagsterDaemon"], values["additionalInstanceConfig"]
    coordinator = daemon["runCoordinator"]["config"]["customRunCoordinator"]
    logs = values["pythonLogs"]
    written = {
        "telemetry": values["telemetry"],
        "run_coordinator": coordinator,
        "run_monitoring": _snake(daemon["runMonitoring"]),
        "run_retries": _snake(daemon["runRetries"]),
        "sensors": _snake(daemon["sensors"]),
        "schedules": _snake(daemon["schedules"]),
        "retention": {
            name: _snake(kept) for name, kept in values["retention"].items() if name != "enabled"
        },
        "python_logs": _snake(logs),
        **more,
    }
    # The chart always writes the start's time-out; ours is Dagster's default.
    assert 180 == written["run_monitoring"].pop("start_timeout_seconds")
    assert ours == written


def _snake(values: dict[str, Any]) -> dict[str, Any]:
    return {re.sub(r"[A-Z]", lambda m: f"_{m[0].lower()}", name): v for name, v in values.items()}
