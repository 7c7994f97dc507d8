"""Settings: from files, and what is refused."""

import pytest

from aelint.config import ConfigError, Settings, find_config, read_config
from aelint.diagnostics import Confidence, Severity
from aelint.registry import UnknownRuleError


def read(path, text):
    path.write_text(text, encoding="utf-8")
    return read_config(path)


def test_defaults_choose_everything():
    assert {"AEL000", "AEL001", "AEL190"} <= set(Settings().chosen())


def test_every_setting_is_read(here):
    settings = read(
        here / "aelint.toml",
        """
        select = ["AEL1", "latent"]
        extend-select = ["AEL001"]
        ignore = ["advised-call"]
        exclude = ["a"]
        extend-exclude = ["b"]
        force-exclude = true
        respect-gitignore = false
        severity = "error"
        confidence = "low"
        test-confidence = "medium"
        per-file-ignores = { "x/*.py" = ["AEL190"] }
        rules.loud-call.limit = 2
        """,
    )
    assert list(settings.chosen()) == ["AEL001", "AEL190", "AEL291"]
    assert settings.ignored_in("x/a.py") == {"AEL190"}
    assert settings.ignored_in("y/a.py") == set()
    assert (settings.severity, settings.confidence) == (Severity.ERROR, Confidence.LOW)
    assert settings.confidence_in("tests/test_x.py") is Confidence.MEDIUM
    assert settings.options_of(settings.chosen()["AEL190"]) == {"limit": 2}
    assert settings.root == str(here)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("selct = []", "unknown setting `selct`; did you mean `select`"),
        ('select = "AEL1"', "`select` must be a list of strings"),
        ("select = [1]", "`select` must be a list of strings"),
        ('select = ["AEL9"]', "unknown rule `AEL9`"),
        ('ignore = ["loud-cal"]', "did you mean `loud-call`"),
        ('severity = "bad"', '`severity` must be one of "error", "warning", "advice"'),
        ("confidence = 3", "`confidence` must be one of"),
        ("force-exclude = 1", "`force-exclude` must be true or false"),
        ("per-file-ignores = []", "must be a table of patterns"),
        ('per-file-ignores = { "a" = ["x"] }', "unknown rule `x`"),
        ("rules = 1", "one table per rule"),
        ("rules.loud-cal.limit = 1", "did you mean `loud-call`"),
        ("rules.loud-call.limt = 1", "has no option `limt`; did you mean `limit`"),
        ('rules.loud-call.limit = "x"', "must be like 0.5"),
        ("rules.loud-call.limit = true", "must be like 0.5"),
        ("select = [", "not valid TOML"),
        ("\x00", "not valid TOML"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_the_file(here, text, words):
    with pytest.raises(ConfigError, match=r"aelint\.toml: ") as caught:
        read(here / "aelint.toml", text)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_or_section_is_refused(here):
    with pytest.raises(ConfigError, match="cannot be read"):
        read_config(here / "none.toml")
    with pytest.raises(ConfigError, match=r"no section \[tool.aelint\]"):
        read(here / "pyproject.toml", "[tool.other]\n")


def test_nearest_configuration_up_to_the_repository(here, files):
    files({"pyproject.toml": "[tool.aelint]\n", "a/pyproject.toml": "[tool.ruff]\n", "a/b/c.py": "", "r/.git/x": ""})
    assert find_config(here / "a" / "b") == here / "pyproject.toml"
    assert find_config(here / "r") is None
    files({"a/aelint.toml": ""})
    assert find_config(here / "a" / "b") == here / "a" / "aelint.toml"


def test_tests_get_what_is_certain_only():
    settings = Settings()
    for path in ("tests/a.py", "x/tests/a.py", "test_a.py", "x/a_test.py", "conftest.py", "x/conftest.py"):
        assert settings.confidence_in(path) is Confidence.HIGH, path
    for path in ("a.py", "latest_a.py", "contests/a.py"):
        assert settings.confidence_in(path) is Confidence.MEDIUM, path


def test_ignore_beats_select_and_extend_select_beats_ignore():
    settings = Settings(select=("AEL1",), ignore=("AEL1",))
    assert not settings.chosen()
    assert list(settings.updated(extend_select=("AEL190",)).chosen()) == ["AEL190"]


def test_updates_are_checked():
    with pytest.raises(UnknownRuleError):
        Settings().updated(select=("nothing",))
