"""Command-line options over the configuration file over the defaults."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aelint.config import Settings, find_config, read_config
from aelint.diagnostics import Confidence, Severity
from aelint.engine.discovery import common_root

__all__ = ["settings"]


def settings(args: argparse.Namespace, paths: Sequence[str]) -> Settings:
    """The settings in force for the files at `paths`.

    Raises:
        ConfigError: A setting cannot be understood.
        UnknownRuleError: A selector names no rule.
    """
    base = _from_file(args, common_root(paths))
    changes: dict[str, Any] = {
        name: tuple(value) for name in ("select", "exclude") if (value := getattr(args, name, None)) is not None
    }
    if "select" in changes:  # what the command line selects, no file takes back
        changes |= {"extend_select": (), "ignore": ()}
    for name in ("ignore", "extend_select", "extend_exclude"):
        if (value := getattr(args, name, None)) is not None:
            changes[name] = (*changes.get(name, getattr(base, name)), *value)
    if args.per_file_ignores:
        changes["per_file_ignores"] = {**base.per_file_ignores, **dict(args.per_file_ignores)}
    return base.updated(
        **changes,
        severity=Severity(args.severity) if args.severity else None,
        confidence=Confidence(args.confidence) if args.confidence else None,
        test_confidence=Confidence(args.confidence) if args.confidence else None,
        force_exclude=args.force_exclude,
        respect_gitignore=args.respect_gitignore,
    )


def _from_file(args: argparse.Namespace, root: str) -> Settings:
    if args.isolated:
        return Settings(root=root)
    if args.config:
        return read_config(Path(args.config))
    found = find_config(Path(root))
    return read_config(found) if found else Settings(root=root)
