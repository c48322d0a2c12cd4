"""`python -m drs_emulator` is the command `drs-emulator`."""

import sys

from drs_emulator.cli import main

if __name__ == "__main__":
    sys.exit(main())
