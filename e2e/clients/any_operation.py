"""Calls any operations of alibabacloud_rds20140815 16 and shows what the SDK's own models make of the answers.

Reads one JSON object from standard input: endpoint, key, secret, and `calls`, a list of {operation, parameters}. Parameters
have the names of the API; lists and objects are lists and objects. Prints a JSON list with one row per call:

* `operation`;
* `absent`: true when this SDK has no such operation; else
* `fields`: every field of the answer's model, as pairs of path and type, `[]` after a list's name;
* `answer`: the parsed model as the API's JSON; or `refusal`: code and http_status.
"""

import inspect
import json
import re
import sys

from alibabacloud_rds20140815 import models
from alibabacloud_rds20140815.client import Client
from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
from alibabacloud_tea_openapi.models import Config


class Probe:
    """Stands for any value of a model, and is found again in the model's map."""

    def to_map(self):
        return self

    def __iter__(self):
        return iter([self])


def wire_name(model, attribute):
    """The API's name of a model's attribute."""
    probe, instance = Probe(), model()
    setattr(instance, attribute, probe)
    for name, value in instance.to_map().items():
        if value is probe or value == [probe]:
            return name
    raise LookupError(f"{model.__name__}.{attribute} is not in its own map")


def fields_of(model, path=""):
    for attribute, parameter in inspect.signature(model.__init__).parameters.items():
        if attribute == "self":
            continue
        annotation = str(parameter.annotation).strip("'")
        is_list = annotation.startswith("List[")
        name = path + wire_name(model, attribute) + ("[]" if is_list else "")
        inner = re.search(r"main_models\.(\w+)", annotation)
        if inner is None:
            yield name, re.sub(r"List\[(.*)\]", r"\1", annotation)
        else:
            yield name, "object"
            yield from fields_of(getattr(models, inner[1]), name + ".")


def method_of(client, operation):
    for name, method in inspect.getmembers(client, inspect.ismethod):
        if name.replace("_", "") == operation.lower():
            return method
    return None


def call(client, operation, parameters):
    method = method_of(client, operation)
    if method is None:
        return {"operation": operation, "absent": True}
    fields = sorted(fields_of(getattr(models, f"{operation}ResponseBody")))
    row = {"operation": operation, "fields": fields}
    request = getattr(models, f"{operation}Request")().from_map(parameters)
    try:
        body = method(request).body
        # The SDK's own check of what it parsed.
        body.validate()
        row["answer"] = body.to_map()
    except AlibabaCloudException as error:
        row["refusal"] = {"code": error.code, "http_status": error.status_code}
    return row


def main():
    given = json.load(sys.stdin)
    client = Client(
        Config(
            access_key_id=given["key"],
            access_key_secret=given["secret"],
            endpoint=given["endpoint"],
            protocol="http",
        )
    )
    rows = [call(client, each["operation"], each["parameters"]) for each in given["calls"]]
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
