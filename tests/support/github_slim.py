"""Cuts GitHub's OpenAPI description down to the routes that logmend may call, for Prism, which reads a small file at once.

    github_slim.py DESCRIPTION > SLIM

What is not here is refused: no route merges. Prism matches a parameter of a path against one
segment, so that routes whose last parameter may hold slashes are there several times.
"""

import copy
import json
import re
import sys

REPOSITORY = "/repos/{owner}/{repo}"

ROUTES = {
    "/app/installations/{installation_id}/access_tokens": ["post"],
    REPOSITORY: ["get"],
    **{
        f"{REPOSITORY}/{rest}": methods.split()
        for rest, methods in {
            "installation": "get",
            "git/ref/{ref}": "get",
            "git/matching-refs/{ref}": "get",
            "git/refs": "post",
            "git/refs/{ref}": "patch delete",
            "git/commits": "post",
            "git/commits/{commit_sha}": "get",
            "git/trees": "post",
            "git/trees/{tree_sha}": "get",
            "git/blobs": "post",
            "git/blobs/{file_sha}": "get",
            "contents/{path}": "get",
            "commits": "get",
            "commits/{ref}": "get",
            "commits/{ref}/check-runs": "get",
            "commits/{ref}/status": "get",
            "commits/{ref}/statuses": "get",
            "compare/{basehead}": "get",
            "tags": "get",
            "pulls": "get post",
            "pulls/{pull_number}": "get patch",
            "pulls/{pull_number}/commits": "get",
            "pulls/{pull_number}/files": "get",
            "pulls/{pull_number}/reviews": "get",
            "pulls/{pull_number}/comments": "get",
            "pulls/{pull_number}/requested_reviewers": "post",
            "issues/{issue_number}/labels": "get post",
            "issues/{issue_number}/labels/{name}": "delete",
            "issues/{issue_number}/comments": "get post",
            "issues/comments/{comment_id}": "patch",
            "labels": "get post",
            "labels/{name}": "get",
            "check-runs/{check_run_id}/annotations": "get",
            "actions/runs": "get",
            "actions/runs/{run_id}/jobs": "get",
            "actions/jobs/{job_id}/logs": "get",
            "collaborators/{username}/permission": "get",
        }.items()
    },
}

# How many segments the last parameter of a path may have, where it may hold slashes.
SEGMENTS_MAX = {"ref": 5, "path": 8}

# GraphQL is no part of the description.
GRAPHQL = {
    "post": {
        "operationId": "graphql",
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": ["query"],
                        "additionalProperties": False,
                        "properties": {"query": {"type": "string"}, "variables": {"type": "object"}},
                    }
                }
            },
        },
        "responses": {"200": {"description": "Answer", "content": {"application/json": {"schema": {"type": "object"}}}}},
    }
}


def resolve(document, value):
    while "$ref" in value:
        found = document
        for key in value["$ref"].removeprefix("#/").split("/"):
            found = found[key]
        value = found
    return value


def accepted(document, operation):
    """The operation with each JSON answer also under the kinds of JSON that clients of GitHub ask for."""
    operation = copy.deepcopy(operation)
    operation.pop("x-github", None)
    for status, response in operation["responses"].items():
        response = copy.deepcopy(resolve(document, response))
        for content in response.get("content", {}).values():
            content.pop("examples", None)
        plain = response.get("content", {}).get("application/json")
        if plain:
            for kind in ("application/vnd.github+json", "application/vnd.github.v3+json"):
                response["content"][kind] = plain
        operation["responses"][status] = response
    for content in operation.get("requestBody", {}).get("content", {}).values():
        content.pop("examples", None)
    return operation


def widened(document, path, item):
    """The route once for each number of segments that its last parameter may have."""
    yield path, item
    last = re.search(r"\{(\w+)\}$", path)
    if not last or last[1] not in SEGMENTS_MAX:
        return
    for count in range(2, SEGMENTS_MAX[last[1]] + 1):
        names = [f"s{n}" for n in range(count)]
        wide = copy.deepcopy(item)
        for operation in wide.values():
            parameters = [resolve(document, parameter) for parameter in operation.get("parameters", [])]
            kept = [one for one in parameters if not (one["in"] == "path" and one["name"] == last[1])]
            more = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]
            operation["parameters"] = kept + more
            operation["operationId"] += f"-{count}"
        yield path[: last.start()] + "/".join(f"{{{name}}}" for name in names), wide


def slim(document):
    paths = {"/graphql": GRAPHQL}
    for path, methods in ROUTES.items():
        item = {method: accepted(document, document["paths"][path][method]) for method in methods}
        paths.update(widened(document, path, item))
    components, waiting = {}, [paths]
    while waiting:
        for kind, name in re.findall(r'"#/components/([^/"]+)/([^"]+)"', json.dumps(waiting.pop())):
            if name not in components.setdefault(kind, {}):
                components[kind][name] = document["components"][kind][name]
                waiting.append(components[kind][name])
    return {"openapi": document["openapi"], "info": document["info"], "paths": paths, "components": components}


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        json.dump(slim(json.load(file)), sys.stdout)
