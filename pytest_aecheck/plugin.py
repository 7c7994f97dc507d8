"""pytest's side: options, fixture, items, reports. Imports only the standard library and pytest.

Everything heavy is imported inside functions, so that a test run that does not use the plugin neither loads
torch nor pays for it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_aecheck.assertions import Assertions

__all__ = ["aecheck"]

PROPERTY = "aecheck"
"""Prefix of the properties under which verdicts travel in test reports."""

_OPTIONS: tuple[tuple[str, str, str], ...] = (
    ("only", "", "codes, beginnings of codes or names of the checks to run, separated by commas"),
    ("without", "", "the same, for checks to leave out"),
    ("profile", "fast", "how hard to look: fast (one batch), full (drawn batches), gate (drawn, always the same)"),
)


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Register the hook through which users add checks."""
    from pytest_aecheck import hookspecs

    pluginmanager.add_hookspecs(hookspecs)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--aecheck-*` options and the ini settings of the same names."""
    group = parser.getgroup("aecheck", "checks for autoencoders")
    for name, default, text in _OPTIONS:
        group.addoption(f"--aecheck-{name}", dest=f"aecheck_{name}", default=None, metavar=name.upper(), help=text)
        parser.addini(f"aecheck_{name}", text, default=default)
    group.addoption(
        "--aecheck-strict",
        dest="aecheck_strict",
        action="store_true",
        default=None,
        help="count skipped checks as failures",
    )
    parser.addini("aecheck_strict", "count skipped checks as failures", type="bool", default=False)
    group.addoption(
        "--aecheck-json", dest="aecheck_json", type=Path, metavar="FILE", help="write every verdict to FILE"
    )
    group.addoption(
        "--aecheck-html",
        dest="aecheck_html",
        type=Path,
        metavar="FILE",
        help="write every verdict to FILE, as one page",
    )
    group.addoption(
        "--aecheck-model", dest="aecheck_model", metavar="MODULE:FACTORY", help="check this model without a test file"
    )
    group.addoption(
        "--aecheck-input", dest="aecheck_input", metavar="1,28,28", help="shape of one sample for --aecheck-model"
    )
    group.addoption(
        "--aecheck-loss", dest="aecheck_loss", metavar="MODULE:FUNCTION", help="loss(model, batch) for --aecheck-model"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker and take in the checks that other plugins add."""
    config.addinivalue_line("markers", "aecheck: a test made by pytest_aecheck; select with -m aecheck")
    added = [entry for entries in config.hook.pytest_aecheck_checks(config=config) for entry in entries]
    if added:
        from pytest_aecheck.catalogue import register

        for check, judge in added:
            register(check, judge)


def pytest_report_header(config: pytest.Config) -> str | None:
    """Name the settings, only where the plugin was asked for on the command line."""
    given = {name: config.getoption(f"aecheck_{name}") for name in ("model", "only", "without", "profile", "strict")}
    used = {name: value for name, value in given.items() if value}
    return "aecheck: " + ", ".join(f"{name}={value}" for name, value in used.items()) if used else None


def setting(config: pytest.Config, name: str) -> Any:
    """A command-line option, or the ini setting of the same name."""
    value = config.getoption(f"aecheck_{name}")
    return config.getini(f"aecheck_{name}") if value is None else value


def listed(config: pytest.Config, name: str) -> tuple[str, ...]:
    """A setting that is a list separated by commas."""
    return tuple(part.strip() for part in str(setting(config, name)).split(",") if part.strip())


def require_torch() -> None:
    """Stop with one clear line where torch is not installed."""
    from importlib.util import find_spec

    if find_spec("torch") is None:
        raise pytest.UsageError(
            "the aecheck fixture runs models and needs torch: pip install 'aelint[pytest]' (linting alone does not need it)"
        )


@pytest.fixture
def aecheck(request: pytest.FixtureRequest) -> Assertions:
    """Check an autoencoder: `aecheck(VAE, batch=torch.rand(8, 1, 28, 28))` raises if a check fails."""
    require_torch()
    from pytest_aecheck.assertions import Assertions

    return Assertions(request.config, request.node)


def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add the items of `--aecheck-model`."""
    if config.getoption("aecheck_model"):
        require_torch()
        from pytest_aecheck.items import model_items

        items.extend(model_items(session, config))


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> None:
    """Tell a test's checks in which session they run."""
    if "pytest_aecheck.items" in sys.modules:
        from pytest_aecheck.items import BoundCheck

        for value in pyfuncitem.funcargs.values():
            if isinstance(value, BoundCheck):
                value.attach(pyfuncitem)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Count the verdicts, list warnings, and write the files that were asked for."""
    found = list(_verdicts(terminalreporter))
    target = config.getoption("aecheck_json")
    if target is not None:
        target.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if config.getoption("aecheck_html") is not None:
        from pytest_aecheck.report.html import page

        config.getoption("aecheck_html").write_text(page(found), encoding="utf-8")
    if found:
        from pytest_aecheck.report.terminal import write_summary

        write_summary(terminalreporter, found)


def _verdicts(terminalreporter: Any) -> Iterator[dict[str, Any]]:
    """The verdicts that arrived with the test reports, from this process or from workers."""
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if name.startswith(f"{PROPERTY}.") and getattr(report, "when", "") == "call":
                    yield {"test": report.nodeid, **json.loads(value)}
