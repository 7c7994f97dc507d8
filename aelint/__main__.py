"""`python -m aelint`."""

from __future__ import annotations

import sys

from aelint.cli import main

if __name__ == "__main__":
    sys.exit(main())
