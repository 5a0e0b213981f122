"""Runs samples, whose files are the arguments, one after the other. Prints a JSON list with one row per sample:

* `printed`: what it printed;
* `refusal`: the code of the service's answer, where the SDK raised that;
* `failure`: any other exception;
* `sent`: the parameters that the SDK was about to send, by the API's names;
* `mistyped`: what the request has that the SDK's model declares otherwise.
"""

import contextlib
import inspect
import io
import json
import sys
import traceback

from alibabacloud_tea_openapi.client import Client
from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
from darabonba.model import DaraModel


sent = {}
call_api = Client.call_api


def noting_call_api(client, params, request, runtime):
    sent.update(request.query or {})
    return call_api(client, params, request, runtime)


def mistyped(model, path=""):
    for name, parameter in inspect.signature(type(model).__init__).parameters.items():
        value, declared = getattr(model, name, None), str(parameter.annotation).strip("'")
        if value is None:
            continue
        if isinstance(value, list):
            inner = declared.removeprefix("List[").removesuffix("]").removeprefix("main_models.")
            if any(type(item).__name__ != inner for item in value):
                yield f"{path}{name} is declared as {declared}"
            for item in value:
                if isinstance(item, DaraModel):
                    yield from mistyped(item, f"{path}{name}.")
        elif type(value).__name__ != declared:
            yield f"{path}{name} is declared as {declared}"


def run(path):
    with open(path, encoding="utf-8") as file:
        program = compile(file.read(), path, "exec")
    row, printed, names = {}, io.StringIO(), {"__name__": "__main__"}
    sent.clear()
    try:
        with contextlib.redirect_stdout(printed):
            exec(program, names)
    except AlibabaCloudException as error:
        row["refusal"] = error.code
    except Exception:
        row["failure"] = traceback.format_exc()
    request = names.get("request")
    if request is not None and "rds20140815" in type(request).__module__:
        row["mistyped"] = list(mistyped(request))
    return {**row, "printed": printed.getvalue(), "sent": dict(sent)}


if __name__ == "__main__":
    Client.call_api = noting_call_api
    print(json.dumps([run(path) for path in sys.argv[1:]]))
