"""
The version of the package.

Rule: pyproject.toml says the same; a test compares them.
"""

from typing import Final

__all__ = ["__version__"]

__version__: Final = "0.1.0"
