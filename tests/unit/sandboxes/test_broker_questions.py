"""What a sandbox may ask of a model, and what the answer says that it cost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.sandboxes.broker_questions import NotAsked, Question, question
from app.sandboxes.broker_usage import Tokens, UsageReader

OWN = {"name": "Bash", "input_schema": {"type": "object", "properties": {"type": {"type": "url"}}}}


def asked(**more: Any) -> bytes:
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": "hello"}], **more}).encode()


@pytest.mark.parametrize(
    "more",
    [
        {"max_tokens": 100, "tools": [OWN, {"type": "custom", "name": "x"}, {"type": "text_editor_20250728"}]},
        {"tools": [{"type": "function", "function": {"name": "x", "parameters": {"server_url": {"type": "url"}}}}]},
        {"tools": [{"type": "namespace", "name": "x", "tools": [{"type": "function", "name": "y"}]}]},
        {"messages": [{"role": "assistant", "content": [{"type": "tool_use", "input": {"image_url": "https://a.b"}}]}]},
        {"messages": [{"role": "user", "content": [{"type": "image", "source": {"type": "base64", "data": "aa"}}]}]},
        {"messages": [{"role": "user", "content": [{"image_url": {"url": "data:image/png;base64,aa"}}]}]},
        {"input": [{"type": "function_call", "arguments": '{"server_url": "https://a.b"}'}]},
    ],
)
def test_what_is_run_inside_may_be_offered(more: dict[str, Any]) -> None:
    assert question(asked(**more)).model == "m"


@pytest.mark.parametrize(
    "more",
    [
        {"tools": [OWN, {"type": "web_search_20250305", "name": "web_search"}]},
        {"tools": [{"type": "web_fetch_20250910", "name": "web_fetch"}]},
        {"tools": [{"type": "web_search"}]},
        {"tools": [{"type": "mcp", "server_label": "x"}]},
        {"tools": [{"type": "code_interpreter"}]},
        {"tools": [{"type": "namespace", "tools": [{"type": "web_search_preview"}]}]},
        {"tools": {"type": "web_search"}},
        {"tools": ["web_search"]},
        {"mcp_servers": [{"type": "url", "url": "https://evil.example/mcp"}]},
        {"web_search_options": {"search_context_size": "low"}},
        {"plugins": [{"id": "web"}]},
        {
            "messages": [
                {"role": "user", "content": [{"type": "image", "source": {"type": "url", "url": "https://a.b"}}]}
            ]
        },
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://a.b/?d=1"}}]}]},
        {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "https://a.b"}]}]},
        {"input": [{"role": "user", "content": [{"type": "input_file", "file_url": "https://a.b"}]}]},
        {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": " HTTP://a.b"}]}]},
    ],
)
def test_what_the_provider_would_fetch_or_run_is_not(more: dict[str, Any]) -> None:
    with pytest.raises(NotAsked):
        question(asked(**more))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b'{"model": 1}',
        b'{"model": "m", "tools": [], "tools": [{"type": "web_search"}]}',
        b'{"model": "m"',
        '{"model": "m"}'.encode("utf-16"),
        b"\x1f\x8b\x08\x00",
        b"[" * 100_000,
        b'{"model": "m", "messages": ' + b'[{"content":' * 100 + b"1" + b"}]" * 100 + b"}",
    ],
)
def test_what_cannot_be_read_in_one_way_is_not_asked(body: bytes) -> None:
    with pytest.raises(NotAsked):
        question(body)


def test_the_most_that_it_can_take_is_reckoned() -> None:
    assert question(asked(max_tokens=100)) == Question("m", len(asked(max_tokens=100)) // 3, 100)
    assert question(asked(max_output_tokens=50, max_completion_tokens=70)).written == 70
    assert question(asked(n=3, max_tokens=10)).written == 30
    assert question(asked()).written == 8_000


@given(st.binary(max_size=300))
def test_nothing_else_goes_wrong_with_a_question(body: bytes) -> None:
    for data in (body, b'{"model":"m","messages":' + body + b"}"):
        try:
            question(data)
        except NotAsked:
            continue


ANTHROPIC = (
    b'event: message_start\ndata: {"type":"message_start","message":{"usage":{"input_tokens":9,'
    b'"cache_read_input_tokens":5,"cache_creation_input_tokens":2,"output_tokens":1}}}\n\n'
    b'event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"text":"usage"}}\n\n'
    b'event: message_delta\ndata: {"type":"message_delta","usage":{"output_tokens":40}}\n\n'
)
RESPONSES = (
    b'event: response.completed\ndata: {"type":"response.completed","response":{"usage":{"input_tokens":100,'
    b'"input_tokens_details":{"cached_tokens":60},"output_tokens":7}}}\n\n'
)
COMPLETIONS = b'data: {"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":3}}\n\ndata: [DONE]\n\n'
WHOLE = b'{"id":"x","usage":{"prompt_tokens":11,"completion_tokens":3}}'


@pytest.mark.parametrize(
    ("answer", "tokens"),
    [
        (ANTHROPIC, Tokens(9, 40, 5, 2)),
        (RESPONSES, Tokens(40, 7, 60, 0)),
        (COMPLETIONS, Tokens(11, 3)),
        (WHOLE, Tokens(11, 3)),
        (b"data: {}\n", None),
        (b'data: {"usage": []}\n', None),
        (b'data: {"usage": {"input_tokens": "9", "output_tokens": -1}}\n', Tokens()),
    ],
)
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_usage_is_read_however_it_comes(answer: bytes, tokens: Tokens | None, size: int) -> None:
    reader = UsageReader()
    for at in range(0, len(answer), size):
        reader.feed(answer[at : at + size])
    assert reader.end() == tokens
    assert reader.bytes == len(answer)


@given(st.binary(max_size=300))
def test_nothing_else_goes_wrong_with_an_answer(data: bytes) -> None:
    reader = UsageReader()
    reader.feed(data)
    reader.feed(b'\ndata: {"usage":' + data)
    reader.end()
