"""Drives a server from its create to its delete over the bus, and follows its events. Needs pika (python3-pika on Debian).

    BUS_URL=amqp://shop:PASSWORD@HOST:5672/tenants python3 docs/examples/python/main.py ORDER

ORDER is your name for this run, and the server's. The same one again does nothing twice.
"""

import json
import os
import sys
import time
import urllib.parse

import pika

PATIENCE = 120  # seconds that an answer or an event may take

if "BUS_URL" not in os.environ or len(sys.argv) != 2:
    sys.exit(__doc__)
url, order = os.environ["BUS_URL"], sys.argv[1]
user = urllib.parse.urlsplit(url).username
connection = pika.BlockingConnection(pika.URLParameters(url))
channel = connection.channel()
channel.confirm_delivery()  # basic_publish returns when the broker has the message on its disk

answers = {}  # by the id of the command
ended = {}  # the last event of an operation, by the operation
last = {}  # the highest sequence of each source


def on_answer(_, method, properties, body):
    answers[properties.correlation_id] = (properties.type, json.loads(body))
    channel.basic_ack(method.delivery_tag)


def on_event(_, method, properties, body):
    event = json.loads(body)
    source, number = event["partitionkey"], int(event["sequence"])
    if number > last.get(source, 0):  # else it has come before
        last[source] = number
        if event["type"].rsplit(".", 1)[1] in ("end", "error", "cancelled") and "correlationid" in event:
            ended[event["correlationid"]] = event
    channel.basic_ack(method.delivery_tag)


def wait(where, key):
    """Reads messages until there is one of that name."""
    until = time.monotonic() + PATIENCE
    while key not in where:
        if time.monotonic() > until:
            sys.exit("nothing came for too long")
        connection.process_data_events(time_limit=1)
    return where.pop(key)


def do(kind, params, target=None):
    """Sends a command and follows its operation to the end; returns the number of the server."""
    message_id = order + "/" + kind  # always the same for the same thing: sent again, it is not done again
    body = {"params": params} if target is None else {"target": target, "params": params}
    for _ in range(10):
        try:
            channel.basic_publish("ingress." + user, "", json.dumps(body), pika.BasicProperties(
                user_id=user, message_id=message_id, type=kind, content_type="application/json", delivery_mode=2))
            break
        except pika.exceptions.NackError:
            time.sleep(1)  # the queue is full
    else:
        sys.exit("the queue stays full")
    verdict, answer = wait(answers, message_id)
    if verdict != "command.accepted":
        sys.exit(f"{kind}: {answer}")
    event = wait(ended, answer["operation"])
    if not event["type"].endswith(".end"):
        sys.exit(f"{event['type']}: {event['data']['error']['message']}")
    server = event["data"]["server"]
    print(event["type"], server["status"] if server else "gone")
    return answer["target"]["id"]


channel.basic_consume("replies." + user, on_answer)
channel.basic_consume("events." + user, on_event)
made = do("server.create", {"name": order, "imageId": 1, "flavorId": 1})
do("server.resize", {"flavorId": 2}, made)
do("server.resize_confirm", {}, made)
do("server.delete", {}, made)
connection.close()
