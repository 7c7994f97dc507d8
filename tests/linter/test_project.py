"""Imports of the same project, found as Python finds them, and nothing else."""

import ast
import gc
import os
import weakref

import pytest

from aelint.engine import project as module
from aelint.engine.project import Project
from aelint.sources.unit import SourceUnit
from aelint.syntax.walk import walk


def find(name, origin="train.py", level=0, project=None):
    unit = (project or Project()).find(name, SourceUnit(origin, ""), level)
    return unit and unit.path


@pytest.mark.parametrize("name", ["", "os", "json.decoder", "torch", "a..b/../c", "a-b", "\0", "models.missing", "..."])
def test_what_is_not_of_the_project_is_not_found(here, files, name):
    files({"train.py": "", "models/vae.py": "", "os.py": ""})
    assert find(name) is None


def test_installed_packages_are_not_searched(here, files):
    files({"lib/site-packages/pkg/__init__.py": "", "lib/torch.py": ""})
    assert find("torch", "lib/site-packages/pkg/__init__.py") is None


def test_beside_the_file_and_in_the_folders_above(here, files):
    files({"models/vae.py": "", "models/__init__.py": "", "scripts/deep/train.py": "", "setup.py": ""})
    assert find("models.vae", "scripts/deep/train.py") == "models/vae.py"
    assert find("models", "scripts/deep/train.py") == "models/__init__.py"


def test_the_search_ends_at_the_projects_root(here, files):
    files({"models.py": "", "p/pyproject.toml": "", "p/train.py": ""})
    assert find("models", "p/train.py") is None


def test_source_folder(here, files):
    files({"src/pkg/vae.py": "", "pyproject.toml": "", "train.py": ""})
    assert find("pkg.vae") == "src/pkg/vae.py"


def test_relative_imports(here, files):
    files({"pkg/a/b.py": "", "pkg/c.py": "", "pkg/a/__init__.py": ""})
    assert find("c", "pkg/a/b.py", 2) == "pkg/c.py"
    assert find("", "pkg/a/b.py", 1) == "pkg/a/__init__.py"
    assert find("b", "pkg/a/b.py", 1) == "pkg/a/b.py"
    assert find("c", "pkg/a/b.py", 99) is None


def test_what_cannot_be_read_is_not_found(here, files):
    files({"bad.py": b"\xff", "nul.py": b"\0", "folder.py/x.txt": ""})
    assert find("bad") is find("nul") is find("folder") is None


def test_lookups_tell_what_was_asked_for(here, files):
    files({"vae.py": "", "setup.py": ""})
    project = Project()
    with project.recording() as lookups:
        find("vae", project=project)
        find("loss", project=project)
    assert lookups[str(here / "vae.py")] is True
    assert lookups[str(here / "loss.py")] is False
    with project.recording() as lookups:
        find("vae", project=project)
    assert list(lookups) == [str(here / "vae.py")]


def test_memory_is_bounded(here, files, monkeypatch):
    monkeypatch.setattr(module, "KEPT_CHARACTERS", 250)
    files({f"m{i}.py": "#" * 100 for i in range(6)})
    project = Project()
    assert [find(f"m{i}", project=project) for i in range(6)] == [f"m{i}.py" for i in range(6)]
    assert sum(len(unit.text) for unit in project._units.values()) <= 250
    assert find("m0", project=project) == "m0.py"


def test_files_outside_the_working_directory_have_absolute_paths(here, files):
    files({"a/train.py": "", "b/vae.py": ""})
    os.chdir(here / "a")
    assert find("vae", "../b/x.py") == str(here / "b" / "vae.py")


def test_trees_without_room_are_taken_apart_and_read_again(here, files, monkeypatch):
    files({f"m{number}.py": f"def f(): return {number}\n" for number in range(3)})
    monkeypatch.setattr(module, "KEPT_CHARACTERS", 30)
    known = Project()
    origin = SourceUnit("a.py", "")
    first = known.find("m0", origin)
    walk(first.tree)
    tree = weakref.ref(first.tree.body[0])
    known.find("m1", origin)
    assert ast.unparse(first.tree) == "def f():\n    return 0", "a program in use keeps its trees"
    known.release()
    gc.disable()
    try:
        del first
        assert tree() is None
    finally:
        gc.enable()
    assert ast.unparse(known.find("m0", origin).tree) == "def f():\n    return 0"


@pytest.mark.parametrize(
    ("origin", "near"),
    [
        ("pkg/models/base.py", ["pkg/models/__init__.py", "pkg/models/deep/vae.py", "pkg/train.py"]),
        ("pkg/models/deep/vae.py", []),
        ("scripts/train.py", ["scripts/more/eval.py"]),
    ],
    ids=["a package", "a folder of one file", "scripts"],
)
def test_files_around_one(here, files, origin, near):
    packages = ["pkg/models/__init__.py", "pkg/models/base.py", "pkg/models/deep/vae.py", "pkg/train.py"]
    others = ["scripts/train.py", "scripts/more/eval.py", "scripts/.hidden/x.py", "scripts/site-packages/y.py"]
    files(dict.fromkeys([*packages, *others, "scripts/notes.txt"], ""))
    project = Project()
    assert [unit.path for unit in project.around(SourceUnit(origin, ""))] == near
    assert len(project.lookups) == len(near)


def test_files_around_one_are_few(here, files, monkeypatch):
    monkeypatch.setattr(module, "NEAR", 3)
    files({f"{name}.py": "" for name in "abcdefgh"})
    assert [unit.path for unit in Project().around(SourceUnit("a.py", ""))] == ["b.py", "c.py"]
