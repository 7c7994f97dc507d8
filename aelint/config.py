"""`[tool.aelint]` in pyproject.toml, or aelint.toml, to frozen settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Self, TypeVar

from aelint import registry
from aelint.diagnostics import Confidence, Severity
from aelint.patterns import Patterns

__all__ = ["DEFAULT_EXCLUDE", "ConfigError", "Settings", "find_config", "read_config"]

Scalar = int | float | str | bool
Choice = TypeVar("Choice", Severity, Confidence)

DEFAULT_EXCLUDE = (
    ".aelint_cache",
    ".bzr",
    ".direnv",
    ".eggs",
    ".git",
    ".git-rewrite",
    ".hg",
    ".ipynb_checkpoints",
    ".mypy_cache",
    ".nox",
    ".pants.d",
    ".pyenv",
    ".pytest_cache",
    ".pytype",
    ".ruff_cache",
    ".svn",
    ".tox",
    ".venv",
    ".vscode",
    "__pycache__",
    "__pypackages__",
    "_build",
    "buck-out",
    "build",
    "dist",
    "node_modules",
    "site-packages",
    "venv",
)
"""ruff's list: folders whose content nobody edits."""

TEST_FILES = Patterns(("tests", "test", "test_*.py", "*_test.py", "conftest.py"))
"""Tests break models on purpose; they get what is certain only."""


class ConfigError(Exception):
    """A setting that cannot be understood, with the file it stands in."""


@dataclass(frozen=True)
class Settings:
    """Everything that decides what a run reports. Patterns are relative to `root`."""

    root: str = "."
    select: tuple[str, ...] = ("ALL",)
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    exclude: tuple[str, ...] = DEFAULT_EXCLUDE
    extend_exclude: tuple[str, ...] = ()
    force_exclude: bool = False
    respect_gitignore: bool = True
    per_file_ignores: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    severity: Severity = Severity.WARNING
    confidence: Confidence = Confidence.MEDIUM
    test_confidence: Confidence = Confidence.HIGH
    options: Mapping[str, Mapping[str, Scalar]] = field(default_factory=dict)

    def chosen(self) -> dict[str, registry.RuleInfo]:
        """The rules that run, by code."""
        wanted = [rule for word in (*self.select, *self.extend_select) for rule in registry.select(word)]
        unwanted = {rule.code for word in self.ignore for rule in registry.select(word)}
        unwanted -= {rule.code for word in self.extend_select for rule in registry.select(word)}
        return {rule.code: rule for rule in sorted(wanted, key=lambda rule: rule.code) if rule.code not in unwanted}

    def asked(self) -> frozenset[str]:
        """The codes that were selected one by one: they are shown whatever their severity and confidence."""
        words = {word.strip().lower() for word in (*self.select, *self.extend_select)}
        return frozenset(rule.code for rule in registry.rules() if {rule.code.lower(), rule.name} & words)

    def options_of(self, rule: registry.RuleInfo) -> dict[str, Scalar]:
        """The rule's options: its defaults, overridden by the configuration."""
        return {**rule.options, **self.options.get(rule.name, {}), **self.options.get(rule.code, {})}

    def ignored_in(self, path: str) -> frozenset[str]:
        """The codes that `per-file-ignores` switches off in the file at `path` (relative to the root)."""
        meant = [words for pattern, words in self.per_file_ignores.items() if Patterns([pattern]).match(path)]
        return frozenset(rule.code for words in meant for word in words for rule in registry.select(word))

    def is_test(self, path: str) -> bool:
        """Whether the file at `path` (relative to the root) is a test."""
        return TEST_FILES.match(path)

    def confidence_in(self, path: str) -> Confidence:
        """The least confidence that is shown in the file at `path` (relative to the root)."""
        if not self.is_test(path):
            return self.confidence
        return max(self.confidence, self.test_confidence, key=lambda confidence: confidence.rank)

    def updated(self, **changes: Any) -> Self:
        """A copy in which each setting that is not None is replaced, checked as if it stood in a file."""
        given = {name: value for name, value in changes.items() if value is not None}
        settings = replace(self, **given)
        settings.check()
        return settings

    def check(self) -> None:
        """Refuse what names no rule.

        Raises:
            registry.UnknownRuleError: A selector or an option's section names no rule.
            ConfigError: A rule has no such option, or it has another type.
        """
        listed = [word for words in self.per_file_ignores.values() for word in words]
        for word in (*self.select, *self.extend_select, *self.ignore, *listed):
            registry.select(word)
        for word, options in self.options.items():
            _check_options(registry.find(word), options)


def find_config(start: Path) -> Path | None:
    """The nearest aelint.toml, or pyproject.toml with a `[tool.aelint]`, in `start` or above it."""
    for folder in (start, *start.parents):
        if (own := folder / "aelint.toml").is_file():
            return own
        shared = folder / "pyproject.toml"
        if shared.is_file() and _section(shared) is not None:
            return shared
        if (folder / ".git").exists():
            return None
    return None


def read_config(path: Path) -> Settings:
    """The settings in a configuration file; its folder is the root.

    Raises:
        ConfigError: The file cannot be read, or a setting is unknown or has the wrong type.
    """
    section = _section(path)
    if section is None:
        raise ConfigError(f"{path}: there is no section [tool.aelint]")
    try:
        settings = Settings(root=str(path.resolve().parent), **dict(_parsed(section)))
        settings.check()
    except (ConfigError, registry.UnknownRuleError) as error:
        raise ConfigError(f"{path}: {error}") from error
    return settings


def _section(path: Path) -> dict[str, Any] | None:
    import tomllib  # noqa: PLC0415 - most folders have no configuration

    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
    if path.name != "pyproject.toml" and "tool" not in content:
        return content
    section = content.get("tool", {}).get("aelint")
    return section if isinstance(section, dict) else None


def _parsed(section: dict[str, Any]) -> Iterable[tuple[str, Any]]:
    known = [entry.name.replace("_", "-") for entry in fields(Settings) if entry.name not in {"root", "options"}]
    for key, value in section.items():
        if key == "rules":
            yield "options", _options(value)
        elif key not in known:
            raise ConfigError(f"unknown setting `{key}`{registry.suggestion(key, [*known, 'rules'])}")
        else:
            yield key.replace("-", "_"), _value(key, value)


def _value(key: str, value: Any) -> Any:
    match key:
        case "severity":
            return _choice(key, value, Severity)
        case "confidence" | "test-confidence":
            return _choice(key, value, Confidence)
        case "force-exclude" | "respect-gitignore":
            if not isinstance(value, bool):
                raise ConfigError(f"`{key}` must be true or false, not {value!r}")
            return value
        case "per-file-ignores":
            if not isinstance(value, dict):
                raise ConfigError(f"`{key}` must be a table of patterns, not {value!r}")
            return {pattern: _words(f"{key}.{pattern}", words) for pattern, words in value.items()}
        case _:
            return _words(key, value)


def _words(key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise ConfigError(f"`{key}` must be a list of strings, not {value!r}")
    return tuple(value)


def _choice(key: str, value: Any, kind: type[Choice]) -> Choice:
    try:
        return kind(value)
    except ValueError:
        allowed = ", ".join(f'"{choice}"' for choice in kind)
        raise ConfigError(f"`{key}` must be one of {allowed}, not {value!r}") from None


def _options(value: Any) -> dict[str, dict[str, Scalar]]:
    if not isinstance(value, dict) or not all(isinstance(options, dict) for options in value.values()):
        raise ConfigError("`rules` must be a table with one table per rule")
    return value


def _check_options(rule: registry.RuleInfo, options: Mapping[str, Scalar]) -> None:
    for key, value in options.items():
        if key not in rule.options:
            hint = registry.suggestion(key, rule.options)
            raise ConfigError(f"the rule {rule.name} has no option `{key}`{hint}")
        default = rule.options[key]
        numeric = isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool)
        if type(value) is not type(default) and not numeric:
            raise ConfigError(f"`rules.{rule.name}.{key}` must be like {default!r}, not {value!r}")
