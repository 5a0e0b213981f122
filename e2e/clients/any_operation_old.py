"""Calls any operations by the request classes of aliyun-python-sdk-rds. Input and output are those of any_operation.py; this
SDK has no models of answers, so there are no `fields`, and `answer` is the body as JSON."""

import importlib
import json
import sys

from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.client import AcsClient


def request_of(operation, parameters, endpoint):
    try:
        module = importlib.import_module(f"aliyunsdkrds.request.v20140815.{operation}Request")
    except ImportError:
        return None
    request = getattr(module, f"{operation}Request")()
    request.set_endpoint(endpoint)
    for name, value in parameters.items():
        # Lists have setters in the plural. What the classes are too old for, their base can still send.
        setter = getattr(request, f"set_{name}", None) or getattr(request, f"set_{name}s", None)
        if setter is None:
            request.add_query_param(name, value)
        else:
            setter(value)
    return request


def call(acs, endpoint, operation, parameters):
    request = request_of(operation, parameters, endpoint)
    if request is None:
        return {"operation": operation, "absent": True}
    row = {"operation": operation}
    try:
        row["answer"] = json.loads(acs.do_action_with_exception(request))
    except ServerException as error:
        row["refusal"] = {"code": error.get_error_code(), "http_status": error.get_http_status()}
    return row


def main():
    given = json.load(sys.stdin)
    acs = AcsClient(given["key"], given["secret"], "cn-hangzhou")
    rows = [call(acs, given["endpoint"], each["operation"], each["parameters"]) for each in given["calls"]]
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
