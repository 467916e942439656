"""`python -m harbourlight` is the command line."""

from harbourlight.cli import main

main()
