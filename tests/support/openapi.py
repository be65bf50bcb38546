"""Holds answers against the OpenAPI description that they came with.

On standard input: {"openapi": the description, "answers": [{"method", "route", "status", "content_type", "body"}]}. Each fault is a
line; the exit code is 1 where there is one.
"""

import json
import sys

from jsonschema import Draft202012Validator, FormatChecker


def faults(openapi, answer):
    """What of an answer is not as described."""
    where = f"{answer['method']} {answer['route']} {answer['status']}"
    operation = openapi["paths"].get(answer["route"], {}).get(answer["method"])
    if operation is None:
        return [f"{where}: it is not described"]
    response = operation["responses"].get(str(answer["status"]))
    if response is None:
        return [f"{where}: this status is not described"]
    content = response.get("content", {})
    kind = answer["content_type"].split(";")[0].strip()
    if kind not in content:
        return [f"{where}: {kind} is not described"]
    if not kind.endswith("json"):
        return []
    # References lead to the whole description.
    schema = {"components": openapi["components"], **content[kind]["schema"]}
    validator = Draft202012Validator(schema, format_checker=FormatChecker())
    return [f"{where}: {error.json_path}: {error.message[:300]}" for error in validator.iter_errors(answer["body"])]


def main():
    given = json.load(sys.stdin)
    openapi = given["openapi"]
    for schema in openapi["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    found = [fault for answer in given["answers"] for fault in faults(openapi, answer)]
    print("\n".join(found) or f"{len(given['answers'])} answers are as described")
    sys.exit(1 if found else 0)


main()
