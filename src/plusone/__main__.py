"""`python -m plusone` is the command `plusone`."""

import sys

from plusone.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
