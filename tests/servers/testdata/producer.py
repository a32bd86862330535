"""A producer and subscriber written from docs/bus.md: stock pika, nothing of Ozone's. Argument: the URL of the bus."""

import json
import sys
import urllib.parse

import pika

url = sys.argv[1]
user = urllib.parse.urlsplit(url).username
connection = pika.BlockingConnection(pika.URLParameters(url))
channel = connection.channel()
channel.confirm_delivery()


def ask(kind, message_id, body):
    """Sends a command and returns its answer, which must be command.accepted."""
    channel.basic_publish("ingress." + user, "", json.dumps(body), pika.BasicProperties(
        user_id=user, message_id=message_id, type=kind, content_type="application/json", delivery_mode=2))
    for method, properties, answer in channel.consume("replies." + user):
        channel.basic_ack(method.delivery_tag)
        if properties.correlation_id == message_id:
            assert properties.type == "command.accepted", answer
            channel.cancel()
            return json.loads(answer)


def follow(operation):
    """Reads events until the one that ends the operation."""
    for method, properties, body in channel.consume("events." + user):
        channel.basic_ack(method.delivery_tag)
        event = json.loads(body)
        if event.get("correlationid") == operation and event["type"].rsplit(".", 1)[1] in ("end", "error"):
            channel.cancel()
            return event["type"]


made = ask("server.create", "pika-1", {"params": {"name": "snake", "imageId": 1, "flavorId": 1}})
server = made["target"]["id"]
print(follow(made["operation"]))
resized = ask("server.resize", "pika-2", {"target": server, "params": {"flavorId": 2}})
print(follow(resized["operation"]))
print(follow(ask("server.resize_confirm", "pika-3", {"target": server})["operation"]))
print(follow(ask("server.delete", "pika-4", {"target": server})["operation"]))
connection.close()
