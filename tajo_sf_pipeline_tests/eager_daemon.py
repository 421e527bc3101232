"""Dagster's daemon, but it looks for backfills every second instead of every thirty."""

from dagster._daemon import controller

# There is no setting for it; the loops read it when they start.
controller.DEFAULT_DAEMON_INTERVAL_SECONDS = 1

if __name__ == "__main__":
    from dagster._daemon.cli import main

    main()
