"""`aelint config`: the settings in force, as a configuration file would say them."""

from __future__ import annotations

import argparse
import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from aelint.cli.terminal import complain, say
from aelint.config import ConfigError, Settings, find_config, read_config

__all__ = ["run"]


def run(args: argparse.Namespace) -> int:
    """Print where the settings come from and what they are."""
    try:
        found = Path(args.config) if args.config else find_config(Path(args.folder).resolve())
        settings = read_config(found) if found and not args.isolated else Settings()
    except ConfigError as error:
        complain(str(error))
        return 2
    say(f"# {found}" if found and not args.isolated else "# no configuration file: these are the defaults")
    for entry in fields(settings):
        if entry.name not in {"root", "options", "per_file_ignores"}:
            say(f"{entry.name.replace('_', '-')} = {_toml(getattr(settings, entry.name))}")
    for pattern, words in settings.per_file_ignores.items():
        say(f"per-file-ignores.{json.dumps(pattern)} = {_toml(words)}")
    for rule, options in settings.options.items():
        for name, value in options.items():
            say(f"rules.{rule}.{name} = {_toml(value)}")
    return 0


def _toml(value: Any) -> str:
    return json.dumps(list(value) if isinstance(value, tuple) else value)
