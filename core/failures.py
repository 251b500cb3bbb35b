"""Failures: the errors of calls as lines of a journal, and as errors again."""

import asyncio

from pydantic import BaseModel, ConfigDict

from disputatio import errors
from disputatio.errors import BudgetExceededError, DisputatioError, ModelError, ToolError, UnsupportedError

CANCELLED = "cancelled"


class Failure(BaseModel):
    """Why a call gave no reply, with what its error carries."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str
    """The error's class, or "cancelled" for a call that its run did not wait for."""
    message: str = ""
    fault: errors.Fault | None = None
    status: int | None = None
    retry_after: float | None = None
    feature: str = ""
    reason: str = ""
    partial: str = ""


def failure_of(error: BaseException) -> Failure | None:
    """What is written down of an error; None of one that nobody raised on purpose."""
    message = str(error)
    match error:
        case asyncio.CancelledError():
            return Failure(type=CANCELLED)
        case BudgetExceededError():
            return Failure(type="BudgetExceededError", message=message, reason=error.reason, partial=error.partial)
        case UnsupportedError():
            return Failure(type="UnsupportedError", message=message, feature=error.feature)
        case ModelError():
            return Failure(
                type=type(error).__name__,
                message=message,
                fault=error.fault,
                status=error.status,
                retry_after=error.retry_after,
            )
        case ToolError():
            return Failure(type="ToolError", message=message)
        case _:
            return None


def raised(failure: Failure) -> DisputatioError:
    """The error that was written down."""
    match failure.type:
        case "BudgetExceededError":
            return BudgetExceededError(failure.reason, failure.message, failure.partial)
        case "UnsupportedError":
            return UnsupportedError(failure.message, feature=failure.feature)
        case "ToolError":
            return ToolError(failure.message)
        case name:
            kind = errors.ModelUnavailableError if name == "ModelUnavailableError" else ModelError
            fault = failure.fault or "bad_request"
            return kind(failure.message, fault=fault, retry_after=failure.retry_after, status=failure.status)
