"""Findings about a connector or a receiver, as the terminal shows them."""

from collections.abc import Sequence
from typing import NoReturn

import typer
from rich.markup import escape

from tajo_sf_pipeline.cli.output import console, print_json
from tajo_sf_pipeline.telemetry.finding import Finding


def print_findings(findings: Sequence[Finding], *, as_json: bool, **about: str) -> NoReturn:
    """Print the findings, in JSON with what they are about; end with the first error's code."""
    if as_json:
        ok = all(finding.error is None for finding in findings)
        print_json({**about, "ok": ok, "findings": [finding.as_json() for finding in findings]})
    else:
        for finding in findings:
            mark = "[green]ok[/]  " if finding.error is None else "[red]FAIL[/]"
            text = finding.found if finding.error is None else str(finding.error)
            console.print(f"{mark} {finding.what}: {escape(text)}", highlight=False, soft_wrap=True)
    raise typer.Exit(next((one.error.exit_code for one in findings if one.error), 0))
