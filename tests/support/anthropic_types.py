"""Judges the tests' stand-in for Claude, and requests to it, by the types that Anthropic publishes for Python.

    anthropic_types.py requests < LINES   each line, the body of a request, is one that the SDK's types allow
    anthropic_types.py answers  < LINES   each line, the body of an answer, is one that the SDK can read
    anthropic_types.py sdk URL KEY        the SDK itself holds a conversation with the server at URL

The exit code is 0 if all holds; otherwise each fault is printed and it is 1.
"""

import json
import sys

import anthropic
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming, MessageCreateParamsStreaming
from pydantic import TypeAdapter, ValidationError

# These two are typed among the parameters but travel as headers.
HEADERS = {"user_profile_id", "workspace_id"}


def known_keys(params):
    """The keys of a typed dictionary, those that it inherits included."""
    keys = set()
    for base in [params, *getattr(params, "__orig_bases__", ())]:
        keys |= set(getattr(base, "__annotations__", ()))
    return keys - HEADERS


def request_faults(bodies):
    for number, body in enumerate(bodies, 1):
        params = MessageCreateParamsStreaming if body.get("stream") else MessageCreateParamsNonStreaming
        adapter, known = TypeAdapter(params), known_keys(params)
        for key in sorted(set(body) - known):
            yield f"request {number}: `{key}` is no parameter"
        try:
            adapter.validate_python(body)
        except ValidationError as error:
            yield f"request {number}: {error}"


def answer_faults(bodies):
    for number, body in enumerate(bodies, 1):
        try:
            anthropic.types.Message.model_validate(body, strict=True)
        except ValidationError as error:
            yield f"answer {number}: {error}"
        # Models take keys that they do not know; a stand-in should not have any.
        for key in sorted(set(body) - set(anthropic.types.Message.model_fields)):
            yield f"answer {number}: `{key}` is no field of a message"
        for key in sorted(set(body.get("usage", {})) - set(anthropic.types.Usage.model_fields)):
            yield f"answer {number}: `usage.{key}` is no field of it"


def sdk_faults(url, key):
    """One use of a tool, answered as the SDK's users answer it."""
    client = anthropic.Anthropic(base_url=url, api_key=key, max_retries=0)
    tool = {
        "name": "look",
        "description": "Looks somewhere.",
        "strict": True,
        "input_schema": {
            "type": "object",
            "additionalProperties": False,
            "required": ["where"],
            "properties": {"where": {"type": "string"}},
        },
    }
    asked = {"model": "claude-opus-5-5", "max_tokens": 1000, "tools": [tool]}
    messages = [{"role": "user", "content": "Look around."}]
    first = client.messages.create(**asked, messages=messages)
    uses = [block for block in first.content if block.type == "tool_use"]
    if first.stop_reason != "tool_use" or len(uses) != 1:
        yield f"the first answer is no tool use: {first}"
        return
    result = {"type": "tool_result", "tool_use_id": uses[0].id, "content": "nothing"}
    messages += [{"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
    counted = client.messages.count_tokens(model=asked["model"], tools=[tool], messages=messages)
    if counted.input_tokens < 1:
        yield f"no tokens were counted: {counted}"
    second = client.messages.create(**asked, messages=messages)
    if second.stop_reason != "end_turn":
        yield f"the second answer does not end the turn: {second}"
    yield from stream_faults(client, asked, messages[:1])
    model = client.models.retrieve(asked["model"])
    if model.lifecycle != "active" or not model.max_tokens:
        yield f"the model is not described: {model}"


def stream_faults(client, asked, messages):
    """Two answers as streams: what the SDK puts together is what it was told in one for the answers before."""
    expected = [
        ["message_start", "content_block_start", "content_block_delta", "content_block_stop", "content_block_start"],
        ["content_block_stop", "message_delta", "message_stop"],
    ]
    with client.messages.create(**asked, messages=messages, stream=True) as raw:
        events = list(raw)
    kinds = [event.type for event in events]
    # The SDK passes over pings by itself.
    if kinds[:5] != expected[0] or kinds[-3:] != expected[1]:
        yield f"the events come in another order: {kinds}"
    for event in events:
        try:
            type(event).model_validate(event.model_dump(), strict=True)
        except ValidationError as error:
            yield f"{event.type}: {error}"
        for key in sorted(event.model_extra or {}):
            yield f"{event.type}: `{key}` is no field of it"
    with client.messages.stream(**asked, messages=messages) as stream:
        whole = stream.get_final_message()
    uses = [block for block in whole.content if block.type == "tool_use"]
    thoughts = [block for block in whole.content if block.type == "thinking"]
    if [(use.name, use.input) for use in uses] != [("look", {"where": "up and down the street"})]:
        yield f"the streamed use of a tool is another one: {uses}"
    if len(thoughts) != 1 or not thoughts[0].signature:
        yield f"the streamed thought is not whole: {thoughts}"
    if whole.stop_reason != "tool_use" or whole.usage.output_tokens < 10:
        yield f"the streamed answer does not end as it should: {whole}"


def main(mode, *args):
    bodies = [json.loads(line) for line in sys.stdin if line.strip()] if mode != "sdk" else []
    check = {"requests": request_faults, "answers": answer_faults, "sdk": sdk_faults}[mode]
    faults = list(check(*args) if mode == "sdk" else check(bodies))
    print("\n".join(faults) or f"{mode}: {len(bodies)} checked, all good")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
