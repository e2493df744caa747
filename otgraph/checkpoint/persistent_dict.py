"""
A defaultdict that is kept in a file; for tests and small programs.

Rule: the file is replaced as a whole, so that it never holds half of the dict.
"""

from __future__ import annotations

import os
import pickle
from collections import defaultdict
from typing import Any, BinaryIO

from typing_extensions import Self

__all__ = ["PersistentDict"]


class PersistentDict(defaultdict[Any, Any]):
    """
    A defaultdict that `sync` writes to a file and `load` reads from it. The file is a pickle: trust it.

    Args:
        args: as for `defaultdict`.
        filename: the file.
        kwds: initial items.
    """

    def __init__(self, *args: Any, filename: str, **kwds: Any) -> None:
        self.flag = "c"
        self.mode = None
        self.format = "pickle"
        self.filename = filename
        super().__init__(*args, **kwds)

    def sync(self) -> None:
        """Write the dict to its file."""
        if self.flag == "r":
            return
        part = f"{self.filename}.{os.getpid()}.tmp"
        try:
            with open(part, "wb") as file:
                self.dump(file)
            os.replace(part, self.filename)
        except BaseException:
            if os.path.exists(part):
                os.remove(part)
            raise

    def close(self) -> None:
        """Write the dict to its file."""
        self.sync()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def dump(self, fileobj: BinaryIO) -> None:
        """Write the items to an open file."""
        pickle.dump(dict(self), fileobj, 2)

    def load(self) -> None:
        """
        Add the items of the file.

        Raises:
            FileNotFoundError: if there is no file.
            ValueError: if the file was not written by `sync`.
        """
        with open(self.filename, "rb") as file:
            try:
                items = pickle.load(file)
            except Exception as error:
                raise ValueError(f"{self.filename!r} is not the file of a PersistentDict: {error}") from error
        self.update(items)
