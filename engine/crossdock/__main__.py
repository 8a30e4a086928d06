"""`python -m crossdock`: the command line, where its script is not on the path."""

from crossdock.cli.main import main

main()
