"""Findings about a connector, as the terminal shows them."""

from collections.abc import Sequence
from typing import NoReturn

import typer
from rich.markup import escape

from tajo_sf_pipeline.cli.output import console, print_json
from tajo_sf_pipeline.finding import Finding


def tell(connector: str, found: Sequence[Finding], *, as_json: bool) -> NoReturn:
    """Print the findings; end with the code of the first that is an error."""
    if as_json:
        findings = [finding.as_json() for finding in found]
        ok = all(finding.error is None for finding in found)
        print_json({"connector": connector, "ok": ok, "findings": findings})
    else:
        for finding in found:
            mark = "[green]ok[/]  " if finding.error is None else "[red]FAIL[/]"
            told = finding.found if finding.error is None else str(finding.error)
            console.print(f"{mark} {finding.what}: {escape(told)}", highlight=False, soft_wrap=True)
    raise typer.Exit(next((one.error.exit_code for one in found if one.error), 0))
