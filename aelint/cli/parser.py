"""The arguments of every command."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import NoReturn

from aelint._version import VERSION
from aelint.reporters import FORMATS

__all__ = ["parse"]

CONFIDENCES = ("low", "medium", "high")
SEVERITIES = ("advice", "warning", "error")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The parsed arguments; `run` is the command. `check` is understood where no command is named.

    Raises:
        SystemExit: With code 2 and the reason on standard error, or 0 after `--help`.
    """
    arguments = list(arguments) or ["--help"]
    if arguments[0] not in {*COMMANDS, "-h", "--help", "-V", "--version"}:
        arguments.insert(0, "check")
    # To describe every command takes longer than to find that no file has changed.
    commands = [arguments[0]] if arguments[0] in COMMANDS else list(COMMANDS)
    return _parser(commands).parse_args(arguments)


def _parser(names: Sequence[str]) -> argparse.ArgumentParser:
    parser = _Parser(
        prog="aelint",
        description="Find the faults of autoencoders in PyTorch source, without running it.",
        epilog="exit codes: 0 nothing found, 1 findings, 2 the run could not be done or is incomplete",
        allow_abbrev=False,
    )
    parser.add_argument("-V", "--version", action="version", version=f"aelint {VERSION}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True, prog="aelint")
    for name in names:
        build, text = COMMANDS[name]
        command = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        build(command)
        command.set_defaults(run=_Command(COMMAND_MODULES.get(name, name)))
    return parser


class _Parser(argparse.ArgumentParser):
    """A parser that suggests what a misspelled option may have meant."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and end."""
        words = [word.partition("=")[0] for word in message.split() if word.startswith("--")]
        if message.startswith("unrecognized arguments:") and words:
            from aelint.registry import suggestion  # noqa: PLC0415 - only after a typing error

            message += suggestion(words[0], self._all_options())
        super().error(message)

    def _all_options(self) -> set[str]:
        parsers: list[argparse.ArgumentParser] = [self]
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - argparse tells in no other way
                parsers += action.choices.values()
        return {option for parser in parsers for option in parser._option_string_actions}  # noqa: SLF001


class _Command:
    """Imports a command's module when it is run, not when the arguments are described."""

    def __init__(self, module: str) -> None:
        self._module = module

    def __call__(self, args: argparse.Namespace) -> int:
        code: int = import_module(f"aelint.cli.{self._module}").run(args)
        return code


def _check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="*", metavar="PATH", help="files or folders; `-` for standard input [.]")
    running = _linting(parser)
    running.add_argument("--watch", action="store_true", help="run again whenever a file changes")
    fixing = parser.add_argument_group("fixing")
    fixing.add_argument("--fix", action="store_true", help="mend what can be mended safely")
    fixing.add_argument("--unsafe-fixes", action="store_true", help="mend what a person should look at, too")
    fixing.add_argument("--fix-only", action="store_true", help="mend, and do not report what is left")
    fixing.add_argument("--diff", action="store_true", help="show what --fix would change, and change nothing")
    fixing.add_argument("--add-ignores", nargs="?", const="", metavar="REASON", help="add a comment for every finding")
    fixing.add_argument("--show-fixes", action="store_true", help="list what was mended")


def _linting(parser: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    _selection(parser)
    _files(parser)
    output = parser.add_argument_group("output")
    output.add_argument("--output-format", choices=FORMATS, default="full", metavar="FORMAT", help=", ".join(FORMATS))
    output.add_argument("-o", "--output-file", metavar="FILE", help="write the report there")
    output.add_argument("--statistics", action="store_true", help="count the findings of each rule instead")
    output.add_argument("--color", choices=("auto", "always", "never"), default="auto")
    output.add_argument("-q", "--quiet", action="store_true", help="print the findings only")
    output.add_argument("-e", "--exit-zero", action="store_true", help="exit with 0 even with findings")
    running = parser.add_argument_group("running")
    running.add_argument("-j", "--jobs", type=_positive, metavar="N", help="processes at most [one per processor]")
    running.add_argument("--no-cache", action="store_true", help="neither read nor write .aelint_cache")
    return running


def _selection(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("rules", "rules are named by code, prefix of a code, name, family or ALL")
    group.add_argument("--select", type=_words, action="extend", metavar="RULES", help="run these only")
    group.add_argument("--ignore", type=_words, action="extend", metavar="RULES", help="do not run these")
    group.add_argument("--extend-select", type=_words, action="extend", metavar="RULES", help="run these, too")
    group.add_argument("--per-file-ignores", type=_per_file, action="append", metavar="PATTERN:RULES")
    group.add_argument("--severity", choices=SEVERITIES, help="the least severity that is shown [warning]")
    group.add_argument("--confidence", choices=CONFIDENCES, help="the least confidence that is shown [medium]")


def _files(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("files")
    group.add_argument("--exclude", type=_words, action="extend", metavar="PATTERNS", help="replaces the default list")
    group.add_argument("--extend-exclude", type=_words, action="extend", metavar="PATTERNS")
    group.add_argument("--force-exclude", action="store_true", default=None, help="exclude named files, too")
    group.add_argument("--respect-gitignore", action=argparse.BooleanOptionalAction, default=None)
    group.add_argument("--stdin-filename", metavar="PATH", help="what to call standard input")
    _configuration(group)


def _configuration(parser: argparse._ActionsContainer) -> None:
    parser.add_argument("--config", metavar="FILE", help="read this configuration instead of the nearest one")
    parser.add_argument("--isolated", action="store_true", help="read no configuration")


def _rule(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("rules", nargs="*", metavar="RULE", help="code, name, prefix or family")
    parser.add_argument("--all", action="store_true", help="every rule")
    parser.add_argument("--output-format", choices=("text", "json"), default="text")


def _inspect(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE")


def _baseline(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("create", "update", "check", "prune"))
    parser.add_argument("paths", nargs="*", metavar="PATH", help="files or folders [.]")
    parser.add_argument("--file", metavar="FILE", help="the baseline [aelint-baseline.json in the root]")
    _linting(parser)
    parser.set_defaults(show_fixes=False)


def _clean(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", nargs="?", default=".", metavar="FOLDER")


def _config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", nargs="?", default=".", metavar="FOLDER", help="where to look from [.]")
    _configuration(parser)


def _server(parser: argparse.ArgumentParser) -> None:
    _configuration(parser)


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _per_file(text: str) -> tuple[str, tuple[str, ...]]:
    pattern, colon, words = text.rpartition(":")
    if not colon or not pattern:
        raise argparse.ArgumentTypeError(f"{text!r} is not PATTERN:RULES")
    return pattern, tuple(_words(words))


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return int(text)


COMMANDS: dict[str, tuple[Callable[[argparse.ArgumentParser], None], str]] = {
    "check": (_check, "Lint files and folders (the default)."),
    "rule": (_rule, "Explain a rule."),
    "explain": (_rule, "Explain a rule (the same as `rule`)."),
    "inspect": (_inspect, "Show what the linter understood of a file."),
    "baseline": (_baseline, "Accept the findings of today; fail on new ones."),
    "config": (_config, "Show the settings in force."),
    "clean": (_clean, "Remove the cache and what a killed run left behind."),
    "server": (_server, "Serve an editor over standard input and output (needs the extra `lsp`)."),
}
COMMAND_MODULES = {"explain": "rule"}
