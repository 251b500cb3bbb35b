"""Fixtures for all tests. The network is blocked by pytest-socket, except for this machine's own addresses."""

import gc
import re
import warnings
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from disputatio import gate
from disputatio.models import ScriptedModel
from tests.postgres_server import started

FIELDS = {
    "Another round": "no",
    "Answer": "yes",
    "Claims": "1. proponent: it was tried",
    "Confidence": "80",
    "Disputes": "opponent",
    "Points": "1. What does it cost?",
    "Replies": "1. It was tried elsewhere.",
    "Score": "60",
    "Upholds": "proponent",
    "Verdict": "supported",
}


def reply(prompt: str) -> str:
    """A sentence, and behind it the lines that the prompt asks for; no tool is used."""
    asked = dict.fromkeys(re.findall(r"^([A-Z][a-z ]+): <", prompt, re.MULTILINE))
    if "Use" in asked:
        return '{"use": {"tool": "none"}}'
    return "\n".join(["So it seems to me.", *(f"{name}: {FIELDS.get(name, 'it depends')}" for name in asked)])


# Neither the speed of the machine nor luck may decide a test; `pytest --hypothesis-profile random` tries new examples.
settings.register_profile("random", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", settings.get_profile("random"), derandomize=True)
settings.load_profile("same")


@pytest.fixture(autouse=True)
def open_gates() -> None:
    """Forget what earlier tests' servers took: another one may have got the address of theirs."""
    gate._GATES.clear()


@pytest.fixture(autouse=True)
def own_runs(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the runs of tests out of the user's data folder."""
    monkeypatch.setenv("DISPUTATIO_RUNS", str(tmp_path_factory.getbasetemp() / "runs.sqlite"))


@pytest.fixture
def scripted() -> ScriptedModel:
    """A model that gives every agent what its prompt asks for, at once and offline."""
    return ScriptedModel(reply)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a PostgreSQL server of the tests' own."""
    with started() as address:
        yield address


@pytest.fixture
def database(server: str) -> str:
    """The address of a database, which is emptied for each test."""
    psycopg = pytest.importorskip("psycopg", reason="needs the extra `postgres`")
    with psycopg.connect(f"{server}/postgres", autocommit=True, options="-c lock_timeout=60s") as connection:
        connection.execute("DROP SCHEMA IF EXISTS disputatio, public CASCADE")
        connection.execute("CREATE SCHEMA public")
    return f"{server}/postgres"


@pytest.fixture(scope="module")
def streams_of_inspect() -> Iterator[None]:
    """Collect what Inspect AI leaves open while that is no error: it does not close its streams."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
