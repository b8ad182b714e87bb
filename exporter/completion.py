"""Completion for shells, made of the command line's own parser by shtab."""

from collections.abc import Mapping
from typing import Any

import shtab

from exporter import arguments
from exporter.collector import load_kinds


def script(shell: str) -> str:
    """What a shell is to read, so that it completes commands, options, kinds of collector, files and folders."""
    kinds = " ".join(load_kinds())
    by_metavar: Mapping[str, Mapping[str, Any]] = {
        "FILE": shtab.FILE,
        "DIR": shtab.DIRECTORY,
        "KIND": _words(kinds),
        "NAME": _words(kinds),  # of a collector in the settings, too; but which file those are in is not known yet
    }
    root = arguments.parser()
    for name, command in arguments.commands(root).items():
        command.description = arguments.COMMANDS[name].summary  # zsh shows it beside the command
        for action in arguments.actions(command):
            complete = by_metavar.get(str(action.metavar))
            if complete is not None:
                action.complete = complete  # type: ignore[attr-defined]  # shtab's way of being told
    return shtab.complete(root, shell)


def _words(words: str) -> Mapping[str, Any]:
    function = "_bellwether_kinds"
    bash = f'{function}() {{ compgen -W "{words}" -- "$1"; }}'
    return {"bash": function, "zsh": f"({words})", "tcsh": f"({words})", "preamble": {"bash": bash}}
