"""Judges what the targets of alerts were sent by the JSON Schemas of their formats.

    alerts_schemas.py < LINES   each line is {"schema": path, "body": what was sent}

The exit code is 0 if all holds; otherwise each fault is printed and it is 1.
"""

import json
import sys

from jsonschema import Draft202012Validator

validators = {}
faults = 0
for line in sys.stdin:
    sent = json.loads(line)
    path = sent["schema"]
    if path not in validators:
        with open(path, encoding="utf-8") as file:
            schema = json.load(file)
        Draft202012Validator.check_schema(schema)
        validators[path] = Draft202012Validator(schema)
    for error in validators[path].iter_errors(sent["body"]):
        faults += 1
        print(f"{path}: {error.json_path}: {error.message}\n{json.dumps(sent['body'])}")
sys.exit(1 if faults else 0)
