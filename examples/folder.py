"""
The files of a folder and their text.

Rule: what cannot be listed or read is said in words, with its name; nothing here ends the survey.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

__all__ = ["Unreadable", "load", "walk"]

LARGEST = 5_000_000
SKIPPED = re.compile(r"\..+|__pycache__|node_modules")
"""Folders that are left out: hidden ones, caches, installed packages."""


class Unreadable(Exception):
    """A file has no text to be had; the message says why."""


def walk(folder: Path, problems: list[str]) -> Iterator[str]:
    """Yield the names of the files below `folder`, relative to it; tell `problems` what cannot be listed."""

    def note(error: OSError) -> None:
        problems.append(f"{os.path.relpath(error.filename, folder)}: cannot be listed ({error.strerror})")

    for place, folders, files in os.walk(folder, onerror=note):
        here = Path(place).relative_to(folder)
        folders[:] = sorted(name for name in folders if not SKIPPED.fullmatch(name))
        links = [here / name for name in folders if (folder / here / name).is_symlink()]
        problems += [f"{link}: a link to a folder, not followed" for link in links]
        yield from (str(here / name) for name in sorted(files))


def load(path: Path) -> str:
    """Return the text of the file at `path`; raise `Unreadable` if there is none."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable("not a regular file")
        if status.st_size > LARGEST:
            raise Unreadable(f"larger than {LARGEST / 1e6:.0f} MB")
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise Unreadable(f"not UTF-8 text (byte 0x{byte:02x} at {error.start})") from None
    except FileNotFoundError:
        raise Unreadable("a link to nothing" if path.is_symlink() else "gone since it was listed") from None
    except OSError as error:
        raise Unreadable(f"cannot be read ({error.strerror})") from None
