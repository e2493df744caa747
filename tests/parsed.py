"""The syntax trees of source files."""

from __future__ import annotations

import ast
import gc
from pathlib import Path


def parsed(path: Path) -> ast.Module:
    """
    Return the tree of a Python file.

    Nothing is collected meanwhile: what a finalizer calls, some releases of CPython count as recursion of the parser
    (gh-106905), and raise SystemError for it.
    """
    gc.disable()
    try:
        return ast.parse(path.read_text(), str(path))
    finally:
        gc.enable()
