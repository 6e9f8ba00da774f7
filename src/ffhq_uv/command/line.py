"""The command line: what was asked for, run, and what became of it as the exit status."""

from __future__ import annotations

import argparse
import difflib
import importlib
import os
import signal
import sys
import threading
from importlib.metadata import version
from pathlib import Path

from omegaconf import OmegaConf

from ffhq_uv.command import stages, tools
from ffhq_uv.command.stages import DVC_YAML, STAGES
from ffhq_uv.config import PARAMS, ConfigError, composed, groups, read, refresh
from ffhq_uv.engine.worker import THREADS
from ffhq_uv.faults import PassingError
from ffhq_uv.once import forget as forget_kept
from ffhq_uv.repository import check_code
from ffhq_uv.secrecy import without_secrets
from ffhq_uv.shards.work import forget, remove_finished

# Every process computes with one thread, so that the machine's number of cores changes no byte; the engine makes use of
# the cores. The libraries read this when they are first imported.
os.environ |= dict.fromkeys(THREADS, "1")

INTERRUPTED = 1.5
"""Seconds that a command has to end in, once it is interrupted."""

EPILOG = """stages, in the order in which `dvc repro` runs them:
{stages}

tools (`python -m ffhq_uv TOOL --help` explains their words):
{tools}

overrides (Hydra's syntax): seed=3  filter=strict  filter.bs_error.max=5.5  experiment=ffhq_uv
"""


def main(arguments: list[str] | None = None) -> int:
    """Run one command. Returns the exit status: 0, 1 (a failed run), 2 (a wrong call) or 130 (interrupted)."""
    if arguments is None:
        arguments = sys.argv[1:]
        signal.signal(signal.SIGINT, end_soon)
    commands = [*STAGES, *tools.names()]
    command = next((word for word in arguments if not word.startswith("-") and "=" not in word), None)
    if command in commands and {"-h", "--help"} & set(arguments):
        print(tools.help(command) if command in tools.names() else stages.help(command))
        return 0
    options = _parser().parse_intermixed_args(arguments)
    if options.command not in commands:
        near = difflib.get_close_matches(options.command, commands, 1)
        meant = f"did you mean {near[0]}?" if near else "`python -m ffhq_uv --help` lists them"
        print(f"ffhq_uv: no command {options.command!r}; {meant}", file=sys.stderr)
        return 2
    forget_kept()
    try:
        check_code(options.command)
        if options.multirun:
            sweep = " ".join(f"-S {word}" for word in options.words) or "-S KEY=A,B"
            raise ConfigError(f"a sweep is `dvc exp run --queue {sweep}`, then `dvc queue start`")
        if options.show or options.cfg:
            print(without_secrets(OmegaConf.to_yaml(composed(options.words, options.params))), end="")
        elif options.info:
            print("\n".join(f"{group:12} {', '.join(members)}" for group, members in groups().items()))
        elif options.command in tools.names():
            tools.run(options.command, options.words, options.params)
        else:
            check_project(options.command)
            if sys.stderr.isatty():  # the imports of a stage that takes networks are silent for seconds
                print(f"{options.command}: {STAGES[options.command]}", file=sys.stderr)
            if options.command == "config" and (options.reset or options.adopt):
                refresh("reset" if options.reset else "adopt")
            config = read(options.words, options.params)
            remove_finished(but=options.command)
            if options.fresh:
                forget(options.command)
            importlib.import_module(f"ffhq_uv.stages.{options.command}").run(config)
    except KeyboardInterrupt as stopped:
        done = f": {stopped}" if str(stopped) else ""
        print(f"ffhq_uv {options.command}: interrupted{done}; run it again, it goes on where it was", file=sys.stderr)
        return 130
    except Exception as error:
        if options.traceback:
            raise
        expected = isinstance(error, ValueError | OSError | RuntimeError)
        text = str(error) if expected else f"{type(error).__name__}: {error} (--traceback shows where)"
        text += ". Run it again" * isinstance(error, PassingError)
        print(f"ffhq_uv {options.command}: {without_secrets(text)}", file=sys.stderr)
        return 2 if isinstance(error, ConfigError) else 1
    return 0


def end_soon(*_: object) -> None:
    """Answer Ctrl-C: with what KeyboardInterrupt tidies up, for `INTERRUPTED` seconds at most, hung workers or not.

    Nothing is lost by that: what is finished is kept, as if the process had been killed.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ending = threading.Timer(INTERRUPTED, os._exit, [130])
    ending.daemon = True
    ending.start()
    raise KeyboardInterrupt


def check_project(command: str) -> None:
    """Raise ConfigError where the stages that begin a run would fill a folder that is no project."""
    here = Path.cwd()
    if (
        command in ("config", "pull")
        and any(here.iterdir())
        and not any(map(Path.exists, (DVC_YAML, PARAMS, Path("data"))))
    ):
        raise ConfigError(f"{here} holds no dvc.yaml: go to the project's folder, and run it there")


def _parser() -> argparse.ArgumentParser:
    listed = "\n".join(f"  {name:14}{text}" for name, text in STAGES.items())
    beside = "\n".join(f"  {name:20}{tools.text(name)}" for name in tools.names())
    parser = argparse.ArgumentParser(
        prog="python -m ffhq_uv",
        description="FFHQ-UV-Interpolate, as a program. `dvc repro` runs its stages in order.",
        epilog=EPILOG.format(stages=listed, tools=beside),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", metavar="COMMAND", help="a stage or a tool, see below; `COMMAND --help` explains it")
    parser.add_argument("words", nargs="*", metavar="KEY=VALUE", help="change the configuration")
    parser.add_argument(
        "--params", type=Path, metavar="FILE", help="start from a recorded params.yaml instead of conf/ (what DVC does)"
    )
    parser.add_argument("--show", action="store_true", help="print the configuration and stop")
    parser.add_argument("--cfg", choices=["job"], help="the same, as Hydra calls it")
    parser.add_argument("--info", action="store_true", help="print the groups of the configuration and their members")
    parser.add_argument("--multirun", "-m", action="store_true", help="says how DVC sweeps")
    parser.add_argument("--reset", action="store_true", help="with config: params.yaml becomes what conf/ says")
    parser.add_argument("--adopt", action="store_true", help="with config: params.yaml stays, although conf/ changed")
    parser.add_argument("--fresh", action="store_true", help="forget what earlier runs of this stage finished")
    parser.add_argument("--traceback", action="store_true", help="show where in the code an error arose")
    parser.add_argument("--version", action="version", version=f"ffhq-uv {version('ffhq-uv')}")
    return parser
