"""
`otgraph completion`: what a shell has to know to complete the command.

Rule: it is made from the parser, so that what can be completed is what can be said.
"""

from __future__ import annotations

from argparse import SUPPRESS, Action, ArgumentParser, Namespace, _SubParsersAction
from collections.abc import Iterator
from dataclasses import dataclass

from otgraph.cli.parser import make_parser

__all__ = ["complete"]


@dataclass(frozen=True)
class Place:
    """A command, and what may follow it."""

    words: str
    """The commands that lead here, such as `trace ls`."""
    commands: tuple[tuple[str, str], ...]
    """Commands below it, each with its help."""
    options: tuple[Action, ...]
    choices: tuple[str, ...]
    """What its argument may be, if that is one of a few words; else it may be a file."""


def complete(given: Namespace) -> int:
    """Print the script for a shell."""
    places = list(_places(make_parser(), ""))
    print({"bash": _bash, "zsh": _zsh, "fish": _fish}[given.shell](places), end="")
    return 0


def _places(parser: ArgumentParser, words: str) -> Iterator[Place]:
    below = [action for action in parser._actions if isinstance(action, _SubParsersAction)]
    helps = tuple((choice.dest, choice.help or "") for action in below for choice in action._choices_actions)
    choices = tuple(
        str(choice)
        for action in parser._actions
        if not action.option_strings and not isinstance(action, _SubParsersAction)
        for choice in action.choices or ()
    )
    options = tuple(action for action in parser._actions if action.option_strings and action.help != SUPPRESS)
    yield Place(words, helps, options, choices)
    for action in below:
        for name, child in action.choices.items():
            yield from _places(child, f"{words} {name}".strip())


def _names(place: Place) -> list[str]:
    return [name for name, _ in place.commands]


def _bash(places: list[Place]) -> str:
    lines = [
        "# Load it with: source <(otgraph completion bash)",
        "_otgraph() {",
        '    local current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD-1]}" path="" word words=""',
        '    for word in "${COMP_WORDS[@]:1:$((COMP_CWORD-1))}"; do',
        '        case "$path $word" in',
        f'            {_known(places)}) path="$path $word" ;;',
        "        esac",
        "    done",
        '    case "$path:$previous" in',
    ]
    for place in places:
        for option in place.options:
            if option.choices:
                said = "|".join(f'"{_key(place)}:{name}"' for name in option.option_strings)
                lines.append(f'        {said}) words="{" ".join(map(str, option.choices))}" ;;')
    lines += ['        *) case "$path" in']
    for place in places:
        flags = [name for option in place.options for name in option.option_strings if name.startswith("--")]
        words = " ".join([*_names(place), *place.choices, *flags])
        lines.append(f'            "{_key(place)}") words="{words}" ;;')
    lines += [
        "        esac ;;",
        "    esac",
        '    COMPREPLY=($(compgen -W "$words" -- "$current"))',
        "}",
        "complete -o bashdefault -o default -F _otgraph otgraph",
        "",
    ]
    return "\n".join(lines)


def _key(place: Place) -> str:
    return f" {place.words}" if place.words else ""


def _known(places: list[Place]) -> str:
    return "|".join(f'" {place.words}"' for place in places if place.words)


def _zsh(places: list[Place]) -> str:
    # zsh runs functions of bash's completion as they are.
    return (
        "#compdef otgraph\n# Load it with: source <(otgraph completion zsh)\n"
        "autoload -U +X bashcompinit && bashcompinit\n" + _bash(places).partition("\n")[2]
    )


def _fish(places: list[Place]) -> str:
    lines = ["# Load it with: otgraph completion fish | source"]
    for place in places:
        words = place.words.split()
        seen = " ".join(f"; and __fish_seen_subcommand_from {word}" for word in words).removeprefix("; and ")
        unless = f"not __fish_seen_subcommand_from {' '.join(_names(place))}" if place.commands else ""
        here = "; and ".join(filter(None, (seen, unless)))
        start = f"complete -c otgraph -n '{here}'" if here else "complete -c otgraph"
        for name, meaning in place.commands:
            lines.append(f"{start} -f -a {name} -d '{_quoted(meaning)}'")
        lines += [f"{start} -f -a {choice}" for choice in place.choices]
        for option in place.options:
            lines.append(f"{start}{_fish_option(option)}")
    return "\n".join([*lines, ""])


def _fish_option(option: Action) -> str:
    text = "".join(
        f" -l {name[2:]}" if name.startswith("--") else f" -s {name[1:]}" for name in option.option_strings
    )
    if option.choices:
        text += f" -x -a '{' '.join(map(str, option.choices))}'"
    elif option.nargs != 0:
        text += " -r"
    return f"{text} -d '{_quoted(option.help or '')}'"


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'").replace("%%", "%")
