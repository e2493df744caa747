"""
`python -m otgraph`: the command `otgraph`, where it is not on the path.

Rule: nothing but the call.
"""

import sys

from otgraph.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
