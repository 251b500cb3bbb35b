"""Every error that Disputatio raises on purpose.

    DisputatioError(RuntimeError)                 catch this one to catch all
    ├── ConfigurationError(ValueError)            the program or its settings are wrong: nothing was spent
    │   └── MissingExtraError(ImportError)        an optional package is not installed
    ├── ModelError                                a model call failed
    │   ├── ModelUnavailableError(ConnectionError)  it may work if tried again: unreachable, overloaded, timed out
    │   └── UnsupportedError                      the backend cannot do what was asked
    ├── ToolError                                 a tool refused or failed; the model is shown the message
    ├── StoreError                                a file or folder could not be read or written
    └── BudgetExceededError                       the run may not make this call; agents abstain on it

Messages are one line: what was needed, what was got, what to do. A run that fails after something was said keeps
it: the error's `result` is the partial `Result`.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from disputatio.budget import Usage
    from disputatio.result import Result


class DisputatioError(RuntimeError):
    """Base of all errors raised on purpose."""

    result: "Result | None" = None
    """What the run had produced before it failed, where a run was under way."""


class ConfigurationError(DisputatioError, ValueError):
    """The program, a parameter or a setting is wrong; no model call was made because of it."""


class MissingExtraError(ConfigurationError, ImportError):
    """An optional package is not installed; the message holds the command that installs it."""


Fault = Literal[
    "rate_limited", "overloaded", "transport", "timeout", "bad_reply", "truncated",
    "context_too_long", "filtered", "refused", "quota", "auth", "bad_request",
]  # fmt: skip
"""What went wrong with a model call; the first six may pass."""


class ModelError(DisputatioError):
    """A model call failed and would fail again."""

    def __init__(
        self,
        message: str,
        *,
        fault: Fault = "bad_request",
        retry_after: float | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.fault = fault
        """What went wrong, for programs."""
        self.retry_after = retry_after
        """Seconds after which the server wants to be asked again, where it said so."""
        self.status = status
        """The HTTP status of the reply, where there was one."""
        self.usage: Usage | None = None
        """What the attempt cost all the same, where that is known or estimated; it is no call of its own."""


class ModelUnavailableError(ModelError, ConnectionError):
    """A model call failed for a reason that may pass: no connection, a time-out, too many requests, a server fault."""

    def __init__(
        self,
        message: str,
        *,
        fault: Fault = "overloaded",
        retry_after: float | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(message, fault=fault, retry_after=retry_after, status=status)


class UnsupportedError(ModelError):
    """A request asks for something that the backend cannot do; nothing was dropped in silence."""

    def __init__(self, message: str, *, feature: str) -> None:
        super().__init__(message, fault="bad_request")
        self.feature = feature
        """What it cannot do: schema, tools, logprobs, n, stop, seed or thinking."""


ToolFault = Literal["unknown_tool", "bad_arguments", "refused", "failed", "timeout", "stopped"]
"""Why a call of a tool gave no result; `refused` is by the run's permission, `stopped` by its end."""


class ToolError(DisputatioError):
    """A tool refused its arguments or failed; the message is written for the model."""

    def __init__(self, message: str, *, fault: ToolFault = "failed") -> None:
        super().__init__(message)
        self.fault = fault
        """What went wrong, for programs."""


class StoreError(DisputatioError):
    """A file or folder that should hold something cannot be read or written, or holds the wrong thing."""


class BudgetExceededError(DisputatioError):
    """The run may make no further call: its budget or time is used up, or it was told to stop.

    Agents treat it as an abstention, so that a run flows to its end and answers from what it has.
    """

    def __init__(self, reason: str, message: str, partial: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        """The run's stop reason: budget, deadline or cancelled."""
        self.partial = partial
        """The text of a reply that was cut off by the stop."""


def unknown(what: str, name: str, known: Iterable[str]) -> ConfigurationError:
    """Make the error for a name that is not known, with the nearest match."""
    names = sorted(known)
    close = get_close_matches(name.lower(), names, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return ConfigurationError(f"unknown {what} {name!r}; {hint}known: {', '.join(names)}")


def require(module: str, *, extra: str) -> ModuleType:
    """Import an optional package.

    Raises:
        MissingExtraError: If it is not installed; a package that is installed but broken shows its own error.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if not f"{module}.".startswith(f"{error.name}."):
            raise
        raise MissingExtraError(f"{module!r} is not installed; run: pip install 'disputatio[{extra}]'") from error
