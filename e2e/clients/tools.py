"""What the drivers of whole programs share: their command line, and the way to the service.

These programs are built on aliyun-python-sdk-core 2 and know no endpoint. The SDK has a table of endpoints by region, which
`point_at` changes before they look into it: the programs themselves stay as they are.
"""

import argparse
import json
import sys

from aliyunsdkcore.profile import region_provider

REGION = "cn-hangzhou"


def arguments(description, *own):
    """The arguments that all have, and `own` names of further ones."""
    parser = argparse.ArgumentParser(description=description)
    for name in ("endpoint", "key", "secret", "instance", *own):
        parser.add_argument(f"--{name}", required=True)
    return parser.parse_args()


def point_at(endpoint):
    region_provider.modify_point("Rds", REGION, endpoint)


def report(wrong=None, **seen):
    """Prints what was seen as one line of JSON, and ends with 1 when something was wrong."""
    if wrong is not None:
        seen["unexpected"] = wrong
    print(json.dumps(seen))
    sys.exit(0 if wrong is None else 1)
