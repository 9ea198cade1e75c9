"""`python -m backend.cli`: the same as `tongyu`."""

from backend.cli.main import main

main()
