"""Which files a run looks at."""

import os

import pytest

from aelint.config import Settings
from aelint.engine.discovery import Discovery, common_root


def walk(*paths, **settings):
    discovery = Discovery(Settings(**settings))
    return discovery.files(paths or ["."]), discovery


def test_other_files_and_tool_folders_are_passed_over(here, files):
    files(dict.fromkeys(("a.txt", ".venv/x.py", "a/__pycache__/x.py", "build/x.py", "node_modules/x.md"), ""))
    assert walk()[0] == []


def test_python_notebooks_and_articles_in_the_order_of_names(here, files):
    files(dict.fromkeys(("b.py", "a/z.ipynb", "a/b.md", "a.py", "A.PY", "c.qmd"), ""))
    assert walk()[0] == ["A.PY", "a/b.md", "a/z.ipynb", "a.py", "b.py", "c.qmd"]


def test_a_named_file_may_have_any_suffix_and_stand_anywhere(here, files):
    files({"build/x.txt": "", "build/y.py": ""})
    assert walk("build/x.txt", "build", "./build/y.py")[0] == ["build/x.txt", "build/y.py"]


def test_force_exclude_holds_for_named_files(here, files):
    files({"build/x.py": "", "x.py": ""})
    assert walk("build/x.py", "x.py", force_exclude=True)[0] == ["x.py"]


def test_exclude_replaces_and_extend_exclude_adds(here, files):
    files({"build/x.py": "", "gen/a.py": "", "a_pb2.py": "", "k.py": ""})
    assert walk(exclude=("gen",))[0] == ["a_pb2.py", "build/x.py", "k.py"]
    assert walk(extend_exclude=("gen", "*_pb2.py"))[0] == ["k.py"]


def test_gitignore_is_respected_inside_a_repository(here, files):
    names = ("out/a.py", "keep.py", "a_gen.py", "b_gen.py", "sub/local.py", "local.py")
    files(dict.fromkeys(names, "") | {".gitignore": "out/\n*_gen.py\n!b_gen.py\n", "sub/.gitignore": "/local.py"})
    assert len(walk()[0]) == len(names)
    (here / ".git").mkdir()
    assert walk()[0] == ["b_gen.py", "keep.py", "local.py"]
    assert len(walk(respect_gitignore=False)[0]) == len(names)


def test_links_to_folders_are_not_followed_so_a_loop_ends(here, files):
    files({"a/x.py": ""})
    (here / "a" / "loop").symlink_to(here)
    (here / "a" / "again").symlink_to(here / "a")
    found, discovery = walk()
    assert found == ["a/x.py"]
    assert discovery.problems == []


def test_links_that_lead_nowhere_are_told(here):
    (here / "gone.py").symlink_to("nothing.py")
    (here / "self.py").symlink_to("self.py")
    found, discovery = walk()
    assert found == []
    assert len(discovery.problems) == 2


def test_a_link_to_a_file_is_linted(here, files):
    files({"src.txt": ""})
    (here / "a.py").symlink_to("src.txt")
    assert walk()[0] == ["a.py"]


def test_a_folder_without_permission_is_told(here, files, monkeypatch):
    files({"a/x.py": "", "b.py": ""})
    scan = os.scandir

    def refuse(path):
        if path == "a":
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found, discovery = walk()
    assert found == ["b.py"]
    assert discovery.problems == ["a: folder not read: Permission denied"]


def test_a_missing_path_is_kept_apart(here):
    found, discovery = walk("nowhere")
    assert (found, discovery.missing) == ([], ["nowhere"])


@pytest.mark.parametrize("name", ["a\nb.py", "ü \u202e.py"])
def test_strange_names(here, files, name):
    files({name: ""})
    assert walk()[0] == [name]


def test_root_is_the_working_directory_only_if_it_holds_everything(here, files):
    files({"p/a.py": "", "p/q/b.py": ""})
    assert common_root(["p", "p/q/b.py"]) == str(here)
    os.chdir(here / "p" / "q")
    assert common_root(["../a.py", "b.py"]) == str(here / "p")


def test_a_pipe_is_passed_over_since_reading_it_would_never_end(here, files):
    files({"a.py": ""})
    os.mkfifo(here / "b.py")
    assert Discovery(Settings()).files(["."]) == ["a.py"]
