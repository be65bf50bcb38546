"""Reads the YAML documents of standard input, holds each against a JSON schema, and prints them as lines of JSON.

Usage: documents.py SCHEMA. Where SCHEMA is a folder, each document has a file of its own there, named as kubeconform names it:
kind, group and version in lower case.
"""

import json
import sys
from pathlib import Path

import jsonschema
import yaml


def schema_of(document, schema):
    if schema.is_file():
        return schema
    group, _, version = document["apiVersion"].rpartition("/")
    names = [document["kind"], group.split(".")[0], version]
    return schema / ("-".join(name for name in names if name).lower() + ".json")


def main():
    schema, faults = Path(sys.argv[1]), []
    for document in yaml.safe_load_all(sys.stdin):
        if document is None:
            continue
        found = json.loads(schema_of(document, schema).read_text())
        validator = jsonschema.validators.validator_for(found)(found)
        for error in validator.iter_errors(document):
            faults.append(f"{document.get('kind', '')} {error.json_path}: {error.message}")
        print(json.dumps(document))
    sys.exit("\n".join(faults) or 0)


main()
