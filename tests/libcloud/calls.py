"""Calls Apache Libcloud's driver of OpenStack 1.0. The first line written lists the driver's methods; from then on each line read
is a call, {"method": ..., "arguments": {...}}, and each line written its end, {"result": ...} or {"error": ...}. An argument
"@Node/1" is the Node 1 that an earlier call returned; so are NodeImage and NodeSize."""

import json
import sys

from libcloud.compute.base import Node, NodeImage, NodeSize
from libcloud.compute.drivers.openstack import OpenStack_1_0_Connection, OpenStack_1_0_NodeDriver

returned = {}


class Connection(OpenStack_1_0_Connection):
    """Which service of the login's answer is meant. The library looks for a later one unless it is told."""

    service_type = "cloudServers"
    service_name = None
    service_region = None


class Driver(OpenStack_1_0_NodeDriver):
    connectionCls = Connection


def connect(url, user, key):
    return Driver(user, key, secure=False, ex_force_auth_url=url, ex_force_auth_version="1.0")


def methods(driver):
    """What the driver's own module defines, without what it inherits from every provider's driver."""
    own = [c for c in type(driver).__mro__ if c.__module__ == "libcloud.compute.drivers.openstack"]
    return sorted({name for c in own for name, v in vars(c).items() if callable(v) and name[0] != "_" and name != "connectionCls"})


def argument(value):
    if isinstance(value, list):
        return [argument(v) for v in value]
    if isinstance(value, str) and value.startswith("@"):
        return returned[value[1:]]
    return value


def plain(value):
    """The value as JSON can have it. What a later call may name is kept."""
    for kind in (Node, NodeImage, NodeSize):
        if isinstance(value, kind):
            returned["%s/%s" % (kind.__name__, value.id)] = value
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if hasattr(value, "__dict__") and not isinstance(value, str):
        return {k: plain(v) for k, v in vars(value).items() if k != "driver" and k[0] != "_"}
    return value


def say(what):
    print(json.dumps(what, separators=(",", ":"), sort_keys=True, default=str), flush=True)


driver = connect(*sys.argv[1:])
say(methods(driver))
for line in sys.stdin:
    call = json.loads(line)
    try:
        arguments = {k: argument(v) for k, v in call["arguments"].items()}
        say({"result": plain(getattr(driver, call["method"])(**arguments))})
    except Exception as e:
        say({"error": "%s: %s" % (type(e).__name__, e)})
