"""The toy API fulfils the contract of providers."""

from __future__ import annotations

from gemtap.testing.examples import Example
from gemtap.testing.provider import ProviderContract
from gemtap_toy import PROVIDER

_ASKED = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Is this a toy?"}]}
_USAGE = {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}


class TestToy(ProviderContract):
    """Runs the contract's tests."""

    provider = PROVIDER
    examples = (
        Example(
            "POST",
            "/v1/chat/completions",
            "openai.chat.completions",
            model="gpt-4o",
            request=_ASKED,
            response={
                "model": "gpt-4o",
                "choices": [{"message": {"role": "assistant", "content": "It is."}, "finish_reason": "stop"}],
                "usage": _USAGE,
            },
            tokens={"input": 12, "output": 3},
            prompt="Is this a toy?",
            answer="It is.",
        ),
        Example(
            "POST",
            "/v1/chat/completions",
            "openai.chat.completions",
            model="gpt-4o",
            request={**_ASKED, "stream": True, "stream_options": {"include_usage": True}},
            response=(
                b'data: {"model": "gpt-4o", "choices": [{"index": 0, "delta": {"content": "It "}}]}\n\n'
                b'data: {"model": "gpt-4o", "choices": [{"index": 0, "delta": {"content": "is."}, '
                b'"finish_reason": "stop"}]}\n\n'
                b'data: {"choices": [], "usage": {"prompt_tokens": 12, "completion_tokens": 3}}\n\n'
                b"data: [DONE]\n\n"
            ),
            content_type="text/event-stream",
            tokens={"input": 12, "output": 3},
            prompt="Is this a toy?",
            answer="It is.",
        ),
        Example(
            "POST",
            "/v1/chat/completions",
            "openai.chat.completions",
            model="gpt-4o",
            request=_ASKED,
            response={"error": {"message": "No such model.", "type": "invalid_request_error"}},
            status=404,
        ),
    )
