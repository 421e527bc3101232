"""The `tajo` command: one module for each group of commands, over the same engine as Dagster.

Nobody imports it.
"""
