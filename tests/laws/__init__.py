"""One module per law of the design."""

from . import saved_programs as saved_programs
