"""Judges requests to the tests' stand-in for GitHub, and its answers, by GitHub's own OpenAPI description.

    github_openapi.py DESCRIPTION < CALLS

Each line of CALLS is one call as JSON: method, path, query, body, status, answer, injected (the answer is a fault that a
test asked for; GitHub's description need not know it). The exit code is 0 if all holds; otherwise each fault is printed and
it is 1.
"""

import json
import re
import sys
import urllib.parse

from jsonschema import Draft4Validator

ROOTS = ("/repos/{owner}/{repo}", "/app/installations/")
# What may hold slashes; every other parameter is one segment of a path.
WIDE = {"ref"}


def pattern(template):
    """A regular expression for the paths of a template."""
    parts = re.split(r"\{(\w+)\}", template)
    named = [("(?P<%s>.+)" if part in WIDE else "(?P<%s>[^/]+)") % part for part in parts[1::2]]
    fixed = [re.escape(part) for part in parts[::2]]
    return re.compile("".join(a + b for a, b in zip(fixed, named + [""])))


def json_schema(schema):
    """A schema of OpenAPI 3.0 as one of JSON Schema: `nullable` becomes one more type."""
    if isinstance(schema, list):
        return [json_schema(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: json_schema(value) for key, value in schema.items() if key not in ("nullable", "example", "examples")}
    if schema.get("nullable") is True:
        return {"anyOf": [{"type": "null"}, plain]}
    return plain


class Description:
    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.document = json.load(file)
        templates = [template for template in self.document["paths"] if template.startswith(ROOTS)]
        # The template with the fewest parameters fits best: …/pulls/comments is no pull request. Of those the longest: what may
        # hold slashes takes no more than it must.
        templates.sort(key=lambda template: (template.count("{"), -len(template)))
        self.templates = [(pattern(template), template) for template in templates]
        self.validators = {}

    def operation(self, method, path):
        for expression, template in self.templates:
            if expression.fullmatch(path) and method.lower() in self.document["paths"][template]:
                return template, self.document["paths"][template][method.lower()]
        return None, None

    def resolve(self, value):
        while "$ref" in value:
            found = self.document
            for key in value["$ref"].removeprefix("#/").split("/"):
                found = found[key]
            value = found
        return value

    def schema(self, content):
        """The schema of a JSON body, if the description has one."""
        return next((value["schema"] for kind, value in content.items() if kind.endswith("json")), None)

    def validator(self, key, schema):
        """A validator whose document holds `schema` and what it refers to, and nothing else of the 13 MB."""
        if key not in self.validators:
            components, waiting = {}, [schema]
            while waiting:
                for name in re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(waiting.pop())):
                    if name not in components:
                        components[name] = json_schema(self.document["components"]["schemas"][name])
                        waiting.append(self.document["components"]["schemas"][name])
            whole = {"allOf": [json_schema(schema)], "components": {"schemas": components}}
            self.validators[key] = Draft4Validator(whole)
        return self.validators[key]

    def errors(self, key, schema, value):
        for error in self.validator(key, schema).iter_errors(value):
            place = "/".join(map(str, error.absolute_path)) or "(whole)"
            yield f"{place}: {error.message[:300]}"


def request_faults(description, template, operation, call):
    parameters = [description.resolve(parameter) for parameter in operation.get("parameters", [])]
    known = {parameter["name"] for parameter in parameters if parameter["in"] == "query"}
    for name in urllib.parse.parse_qs(call["query"], keep_blank_values=True):
        if name not in known:
            yield f"`{name}` is no parameter of the query"
    body, asked = call["body"], operation.get("requestBody")
    if asked is None:
        if body is not None:
            yield "takes no body"
        return
    if body is None:
        if asked.get("required"):
            yield "needs a body"
        return
    schema = description.schema(asked["content"])
    yield from description.errors((template, call["method"]), schema, body)
    # The schemas are open, so a misspelt key passes them.
    shapes = [description.resolve(shape) for shape in schema.get("oneOf", [schema])]
    known = {name for shape in shapes for name in shape.get("properties", {})}
    for name in sorted(set(body) - known):
        yield f"`{name}` is no property of the body"


def answer_faults(description, template, operation, call):
    status = str(call["status"])
    answers = operation["responses"]
    if status not in answers:
        # Every route may refuse a token or ask for patience, whether its description says so or not.
        if status not in ("401", "403", "404", "429"):
            yield f"status {status} is not described"
        return
    schema = description.schema(description.resolve(answers[status]).get("content", {}))
    if schema is not None:
        yield from description.errors((template, call["method"], status), schema, call["answer"])


def faults(description, calls):
    for number, call in enumerate(calls, 1):
        template, operation = description.operation(call["method"], call["path"])
        title = f"call {number}, {call['method']} {call['path']}"
        if operation is None:
            yield f"{title}: GitHub has no such route"
            continue
        for fault in request_faults(description, template, operation, call):
            yield f"{title}: request: {fault}"
        if not call["injected"]:
            for fault in answer_faults(description, template, operation, call):
                yield f"{title}: answer {call['status']}: {fault}"


def main(path):
    calls = [json.loads(line) for line in sys.stdin if line.strip()]
    found = list(faults(Description(path), calls))
    print("\n".join(found) or f"{len(calls)} calls checked, all good")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
