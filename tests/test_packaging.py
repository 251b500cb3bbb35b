"""The wheel: built from the sources, installed on its own and used from the repository's root."""

import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import disputatio as dp

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = PROJECT["tool"]["setuptools"]["packages"]
FOLDERS = [*PROJECT["tool"]["setuptools"]["package-dir"].values(), "examples", "tests", "docs", "benchmarks"]

Run = Callable[..., str]


def output(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def isolation() -> list[str]:
    """Build with this environment's setuptools if it is new enough, else let pip fetch one from the package index."""
    [needed] = [Requirement(line) for line in PROJECT["build-system"]["requires"]]
    try:
        return ["--no-isolation"] if version(needed.name) in needed.specifier else []
    except PackageNotFoundError:
        return []


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, because a build leaves folders behind."""
    copy, dist = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    for folder in FOLDERS:
        if (ROOT / folder).exists():
            shutil.copytree(
                ROOT / folder, copy / folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__")
            )
    output(sys.executable, "-P", "-m", "build", "--wheel", *isolation(), "--outdir", dist, ".", cwd=copy)
    [made] = dist.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def run(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run a program of an environment that has the wheel, and besides it the libraries of this environment."""
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, with_pip=False, symlinks=True)
    paths = sysconfig.get_paths(vars={"base": str(home), "platbase": str(home)})
    programs, site = Path(paths["scripts"]), Path(paths["purelib"])
    python = programs / Path(sys.executable).name
    output(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", wheel, cwd=home)
    # The editable install of this environment is a .pth file, which is read only in the folder of an installation.
    (site / "libraries.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    return lambda program, *arguments: output(programs / program, *arguments, cwd=ROOT)


def test_holds_the_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    code = {Path(name).parent.as_posix().replace("/", ".") for name in names if name.endswith(".py")}
    assert code == set(PACKAGES)
    for folder, sources in PROJECT["tool"]["setuptools"]["package-dir"].items():
        for path in (ROOT / sources).glob("*.py"):
            assert f"{folder.replace('.', '/')}/{path.name}" in names
    assert {f"disputatio/{name}" for name in ("py.typed", "page.html", "page.css", "page.js")} <= set(names)
    assert any(name.endswith("/LICENSE") for name in names)
    assert all(name.startswith(("disputatio/", f"disputatio-{dp.__version__}.dist-info/")) for name in names)


def test_works_from_the_root_of_the_repository(run: Run, wheel: Path) -> None:
    code = f"import {', '.join(PACKAGES)}; print(disputatio.__file__); print(disputatio.graphs.__file__)"
    for place in run("python", "-c", code).split():
        assert not Path(place).is_relative_to(ROOT)


def test_shows_its_version(run: Run) -> None:
    assert dp.__version__ in run("disputatio", "--version")
