"""What must hold of a partition's rows: files and numbers in, verdicts out; no Dagster, no HTTP."""
