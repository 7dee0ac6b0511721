"""Lets ``python -m neasmart COMMAND`` run a command."""

import sys

from neasmart.cli.command_line import main

if __name__ == "__main__":
    sys.exit(main())
