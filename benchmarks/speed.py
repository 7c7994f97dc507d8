"""What a run costs, as ratios measured on this machine in one go.

    python benchmarks/speed.py FOLDER [FOLDER ...] [--ruff RUFF] [--torchfix PYTHON] [--fixit PYTHON]

For each folder: CPU seconds of aelint cold and warm, next to `libcst.parse_module` of all its Python files, hashing
them, and (where given) `ruff check --select ALL`, TorchFix and Fixit, each in the environment whose interpreter is
named. Then start-up, peak memory, and cost at 1x, 4x and 16x the files of the first folder.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BARE = "import argparse; argparse.ArgumentParser().parse_args([])"


@dataclass(frozen=True)
class Cost:
    """What a command took, with its children."""

    cpu: float
    wall: float
    peak: float
    """MiB of its largest process."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--ruff", help="a ruff executable")
    parser.add_argument("--torchfix", help="the interpreter of an environment with torchfix")
    parser.add_argument("--fixit", help="the interpreter of an environment with fixit")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as compiled:
        keep_compiled(compiled)
        measured(aelint("check", "--isolated", "-q", "--exit-zero", "--no-cache", str(args.folders[0])))
        start_up()
        for folder in args.folders:
            compare(folder.resolve(), args)
        growth(args.folders[0].resolve())


def keep_compiled(folder: str) -> None:
    """Let Python keep what it compiles, as it does where the tools are installed, but not in this checkout.

    Else each run of a checkout compiles all of it again, and libcst, which pip has compiled, would win for nothing.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["PYTHONPYCACHEPREFIX"] = folder


def start_up() -> None:
    """`--version` and one file, against a script that only builds a parser."""
    with tempfile.TemporaryDirectory() as scratch:
        related, other = Path(scratch, "a.py"), Path(scratch, "b.py")
        related.write_text("import torch\n", "utf-8")
        other.write_text("import json\n", "utf-8")
        bare = best([sys.executable, "-c", BARE])
        print("start-up, against a bare argparse script")
        for name, arguments in {
            "--version": ["--version"],
            "no relevant file": ["check", "--no-cache", str(other)],
            "one file": ["check", "--no-cache", str(related)],
        }.items():
            print(f"  {name:<18} {best(aelint(*arguments)).cpu / bare.cpu:6.2f}x")


def compare(folder: Path, args: argparse.Namespace) -> None:
    """One folder: aelint cold and warm against parsing, hashing and other linters."""
    files = sorted(folder.rglob("*.py"))
    size = sum(path.stat().st_size for path in files)
    print(f"\n{folder}: {len(files)} Python files, {size / 1e6:.1f} MB")
    parse = parsing(files)
    check = ["check", "--isolated", "-q", "--exit-zero", "--output-format", "json", "-o", os.devnull]
    cold = measured(aelint(*check, "--no-cache", "--jobs", "1", str(folder)))
    many = measured(aelint(*check, "--no-cache", str(folder)))
    warm = in_copy(folder, check)
    hashing = hashed(files)
    print(f"  libcst parse of all files      {parse:8.2f} s CPU")
    print(
        f"  aelint cold                    {cold.cpu:8.2f} s CPU  {cold.cpu / parse:6.2f} of the parse, {cold.peak:.0f} MiB"
    )
    print(f"  aelint cold, all processors    {many.wall:8.2f} s wall {cold.wall / many.wall:6.2f} times as fast")
    print(
        f"  aelint warm                    {warm.cpu:8.2f} s CPU  {warm.cpu / hashing.cpu:6.2f} of hashing and start-up"
    )
    others = {
        "ruff --select ALL": [args.ruff, "check", "--select", "ALL", "--isolated", "--no-cache", "--exit-zero", "-q"],
        "TorchFix": [args.torchfix, "-m", "torchfix", "--select", "ALL"],
        "Fixit": [args.fixit, "-m", "fixit", "--quiet", "lint"],
    }
    for name, command in others.items():
        if command[0]:
            cost = measured([*command, str(folder)])
            print(f"  {name:<30} {cost.cpu:8.2f} s CPU  {cost.cpu / cold.cpu:6.2f} of aelint cold")


def growth(folder: Path) -> None:
    """The same files once, four and sixteen times: time should grow alike, memory not at all."""
    print("\ngrowth")
    base = None
    for times in (1, 4, 16):
        with tempfile.TemporaryDirectory() as scratch:
            for number in range(times):
                copy_python(folder, Path(scratch, f"copy{number}"))
            arguments = ("check", "--isolated", "-q", "--exit-zero", "--no-cache", "--jobs", "1")
            cost = measured(aelint(*arguments, "-o", os.devnull, scratch))
        base = base or cost
        print(f"  {times:>2}x  CPU {cost.cpu / base.cpu:6.2f}x  peak memory {cost.peak / base.peak:5.2f}x")


def aelint(*arguments: str) -> list[str]:
    """The command line of this checkout's linter."""
    return [
        sys.executable,
        "-c",
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from aelint.cli import main; sys.exit(main())",
        *arguments,
    ]


def parsing(files: Sequence[Path]) -> float:
    """CPU seconds of `libcst.parse_module` of the files that it can read."""
    program = (
        "import sys, libcst, pathlib\n"
        "for path in sys.stdin.read().split('\\0'):\n"
        "    try:\n        libcst.parse_module(pathlib.Path(path).read_bytes())\n"
        "    except Exception:\n        pass\n"
    )
    return measured([sys.executable, "-c", program], "\0".join(map(str, files))).cpu


def hashed(files: Sequence[Path]) -> Cost:
    """Reading and hashing the files in a fresh interpreter."""
    program = (
        "import sys, hashlib, argparse\n"
        "for path in sys.stdin.read().split('\\0'):\n"
        "    hashlib.blake2b(open(path, 'rb').read()).digest()\n"
    )
    return measured([sys.executable, "-c", program], "\0".join(map(str, files)))


def in_copy(folder: Path, check: Sequence[str]) -> Cost:
    """A second run with the cache of a first one, on a copy: the folder itself stays as it is."""
    with tempfile.TemporaryDirectory() as scratch:
        copy_python(folder, Path(scratch, "copy"))
        command = aelint(*check, str(Path(scratch, "copy")))
        measured(command)
        return measured(command)


def copy_python(source: Path, target: Path) -> None:
    """Copy the Python files of a folder, and its other folders as they are needed."""
    shutil.copytree(source, target, ignore=lambda folder, names: [n for n in names if not wanted(Path(folder, n))])


def wanted(path: Path) -> bool:
    """What the copy holds."""
    return not path.is_symlink() and (path.suffix == ".py" or (path.is_dir() and path.name != ".git"))


def best(command: Sequence[str], rounds: int = 7) -> Cost:
    """The cheapest of several runs."""
    return min((measured(command) for _ in range(rounds)), key=lambda cost: cost.cpu)


def measured(command: Sequence[str], given: str = "") -> Cost:
    """Run a command and say what it took."""
    probe = (
        "import resource, subprocess, sys\n"
        "done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
        "use = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(use.ru_utime + use.ru_stime, use.ru_maxrss / 1024)\n"
    )
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", probe, *command], input=given, capture_output=True, text=True, check=True
    )
    wall = time.perf_counter() - begin
    cpu, peak = map(float, done.stdout.split())
    return Cost(cpu, wall, peak)


if __name__ == "__main__":
    main()
