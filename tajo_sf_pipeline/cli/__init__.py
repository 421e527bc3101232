"""The `tajo` command."""
