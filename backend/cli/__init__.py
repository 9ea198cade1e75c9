"""The `tongyu` command."""
