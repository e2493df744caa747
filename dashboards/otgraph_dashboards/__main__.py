"""
`python -m otgraph_dashboards FOLDER` writes dashboards and rules into the folder.

Rule: `otgraph dashboards export` does the same, and is what users are told of.
"""

import sys

from otgraph_dashboards.export import export

for path in export(sys.argv[1]):
    print(path)
