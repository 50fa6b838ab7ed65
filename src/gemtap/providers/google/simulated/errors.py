"""Errors with Google's structure and messages: https://google.aip.dev/193."""

from __future__ import annotations

from collections.abc import Sequence

from gemtap.interaction import Json


class ApiError(Exception):
    """An error response of the simulated API."""

    def __init__(self, code: int, status: str, message: str, details: Sequence[Json] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.message = message
        self.details = list(details)

    @property
    def body(self) -> Json:
        """The error as `{"error": {"code", "message", "status", "details"?}}`."""
        error: dict[str, Json] = {"code": self.code, "message": self.message, "status": self.status}
        if self.details:
            error["details"] = self.details
        return {"error": error}


def invalid_argument(message: str = "Request contains an invalid argument.") -> ApiError:
    """400."""
    return ApiError(400, "INVALID_ARGUMENT", message)


def invalid_key(message: str = "API key not valid. Please pass a valid API key.") -> ApiError:
    """400, with the reason API_KEY_INVALID."""
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "API_KEY_INVALID",
        "domain": "googleapis.com",
        "metadata": {"service": "generativelanguage.googleapis.com"},
    }
    localized = {
        "@type": "type.googleapis.com/google.rpc.LocalizedMessage",
        "locale": "en-US",
        "message": message,
    }
    return ApiError(400, "INVALID_ARGUMENT", message, [info, localized])


def invalid_json(text: str, position: int) -> ApiError:
    """400, with the position of the syntax error."""
    line = text[max(0, position - 30) : position + 30].replace("\n", " ").replace("\r", " ")
    caret = " " * min(position, 30) + "^"
    return invalid_argument(f"Invalid JSON payload received. Unexpected token.\n{line}\n{caret}")


def permission_denied(message: str = "The caller does not have permission") -> ApiError:
    """403."""
    return ApiError(403, "PERMISSION_DENIED", message)


def unregistered_caller() -> ApiError:
    """403: the request carries no credential."""
    return permission_denied(
        "Method doesn't allow unregistered callers (callers without established identity). "
        "Please use API Key or other form of API consumer identity to call this API."
    )


def not_found(message: str = "Requested entity was not found.") -> ApiError:
    """404."""
    return ApiError(404, "NOT_FOUND", message)


def model_not_found(model: str, version: str, operation: str) -> ApiError:
    """404 if the model does not exist or does not support the operation."""
    return not_found(
        f"models/{model} is not found for API version {version}, or is not supported for {operation}. "
        "Call ListModels to see the list of available models and their supported methods."
    )


def resource_exhausted(model: str, retry_seconds: int = 37) -> ApiError:
    """429, with the exceeded quota and the time to wait."""
    limits = "https://ai.google.dev/gemini-api/docs/rate-limits"
    quota = {
        "@type": "type.googleapis.com/google.rpc.QuotaFailure",
        "violations": [
            {
                "quotaMetric": "generativelanguage.googleapis.com/generate_content_free_tier_requests",
                "quotaId": "GenerateRequestsPerMinutePerProjectPerModel-FreeTier",
                "quotaDimensions": {"model": model, "location": "global"},
                "quotaValue": "10",
            }
        ],
    }
    help_ = {
        "@type": "type.googleapis.com/google.rpc.Help",
        "links": [{"description": "Learn more about Gemini API quotas", "url": limits}],
    }
    retry = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{retry_seconds}s"}
    message = (
        "You exceeded your current quota, please check your plan and billing details. "
        f"For more information on this error, head to: {limits}. Please retry in {retry_seconds}s."
    )
    return ApiError(429, "RESOURCE_EXHAUSTED", message, [quota, help_, retry])


def internal() -> ApiError:
    """500."""
    return ApiError(
        500,
        "INTERNAL",
        "An internal error has occurred. Please retry or report in "
        "https://developers.generativeai.google/guide/troubleshooting",
    )


def unavailable() -> ApiError:
    """503."""
    return ApiError(503, "UNAVAILABLE", "The model is overloaded. Please try again later.")
