"""
The front matter of a Mermaid diagram: configuration as YAML.

Rule: the small part of YAML that configuration needs, with sorted keys; a text that YAML might take for
something else is quoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["write_frontmatter"]

_NOT_PLAIN = re.compile(
    r"""
      $ | \s | .*\s$                             # nothing, or space at an end
    | [,\[\]{}\#&*!|>'"%@`] | [-?:](\s|$)        # an indicator in front
    | .*(:\s | :$ | \s\#)                        # a key or a comment inside
    | (yes|no|on|off|true|false|null|~|=|<<)$    # a word with a meaning
    | [-+.]?\d[-+\w.:]*$ | [-+]?\.(inf|nan)$     # a number, a date, a time
    | ---|\.\.\.
    """,
    re.VERBOSE | re.IGNORECASE,
)


def write_frontmatter(config: Mapping[str, Any] | None, curve: str) -> str:
    """Return Mermaid's configuration between dashes; `curve` holds, whatever `config` says."""
    whole = dict(config or {})
    inner = dict(whole.get("config") or {})
    inner["flowchart"] = {**(inner.get("flowchart") or {}), "curve": curve}
    whole["config"] = inner
    return "\n".join(["---", *_block(whole), "---"])


def _block(value: Any) -> Iterator[str]:
    """Yield the lines of a mapping or a list that is not empty."""
    if isinstance(value, Mapping):
        for key in sorted(value, key=str):
            inner = value[key]
            if not _is_nested(inner):
                yield f"{_scalar(key)}: {_scalar(inner)}"
                continue
            yield f"{_scalar(key)}:"
            indent = "  " if isinstance(inner, Mapping) else ""
            yield from (indent + line for line in _block(inner))
    else:
        for item in value:
            lines = _block(item) if _is_nested(item) else iter([_scalar(item)])
            yield "- " + next(lines)
            yield from ("  " + line for line in lines)


def _is_nested(value: Any) -> bool:
    return isinstance(value, (Mapping, list, tuple)) and bool(value)


def _scalar(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, Mapping):
        return "{}"
    if isinstance(value, (list, tuple)):
        return "[]"
    text = str(value)
    if not all(" " <= char <= "~" for char in text):
        return '"' + "".join(map(_escape, text)) + '"'
    return "'" + text.replace("'", "''") + "'" if _NOT_PLAIN.match(text) else text


def _escape(char: str) -> str:
    code = ord(char)
    if char in '\\"':
        return "\\" + char
    if " " <= char <= "~":
        return char
    return f"\\x{code:02X}" if code < 0x100 else f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"
