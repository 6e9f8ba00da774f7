"""completion: what the shell's Tab key knows of commands, groups and keys: eval "$(ffhq-uv completion)" in ~/.bashrc.

In zsh, after ``autoload -U bashcompinit && bashcompinit``. The lists are those of the folder that it is called in.
"""

from __future__ import annotations

import yaml

from ffhq_uv.command import tools
from ffhq_uv.command.stages import STAGES
from ffhq_uv.command.words import Words
from ffhq_uv.config import flat, groups, recorded_text

SCRIPT = """\
_ffhq_uv() {{
    local line="${{COMP_LINE:0:COMP_POINT}}" typed words
    local configured="{configured}"
    typed="${{line##* }}"
    case " $line" in
{tools}
        *" ffhq-uv "*" "*) words="$configured" ;;
        *) words="{commands}" ;;
    esac
    COMPREPLY=($(compgen -W "$words" -- "$typed"))
    # the shell takes what stands before a = for a word of its own
    if [[ "$typed" == *=* && "$COMP_WORDBREAKS" == *=* ]]; then
        COMPREPLY=("${{COMPREPLY[@]#"${{typed%=*}}="}}")
    fi
}}
complete -o nospace -F _ffhq_uv ffhq-uv
"""


def run(words: Words) -> None:
    """Print the script."""
    print(script(), end="")


def script() -> str:
    """A function for bash that completes a command, and after it the words of a tool, or groups and keys."""
    members = [f"{group}={member}" for group, found in groups().items() for member in found]
    keys = [f"{key}=" for key, _ in flat(yaml.safe_load(recorded_text()))]
    cases = [
        f'        *" ffhq-uv {tool} "*) words="{" ".join(f"{word}=" for word in tools.words(tool))} $configured" ;;'
        for tool in tools.names()
    ]
    commands = " ".join([*STAGES, *tools.names()])
    return SCRIPT.format(tools="\n".join(cases), configured=" ".join([*members, *keys]), commands=commands)
