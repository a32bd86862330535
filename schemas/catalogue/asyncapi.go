package catalogue

import (
	"bytes"
	"fmt"
	"maps"

	"github.com/ozonecloud/ozone/schemas"
)

const (
	asyncAPI    = "3.1.0"
	amqpBinding = "0.3.0" // the newest that there is
	vhost       = "tenants"
	nodesVhost  = "ozone" // as docs/install.md has it
)

// The texts of the document. What they promise is in docs/bus.md and docs/events.md, more at length.
const (
	about = "Programs of tenants send commands to Ozone as AMQP 0-9-1 messages and get answers and events. The document is written as seen from " +
		"Ozone: it receives commands, and sends the rest.\n\n" +
		"`{user}` is the name of a user that an operator makes of an account (`ozone bus user create ACCOUNT NAME`). Exchanges and queues are there " +
		"already: a user may publish to its `ingress.{user}` and consume its `replies.{user}` and `events.{user}`, and declare and bind nothing.\n\n" +
		"Events of hosts are for operators alone: in the virtual host of the nodes, where no user of a tenant can connect, and where operators bind queues " +
		"of their own. `{vhost}` is its name."
	aboutIngress = "Commands of one user. The routing key and the headers CC and BCC mean nothing. Properties of each message:\n\n" +
		"- `user_id`: required, the user's name. The broker checks it, and the account follows from it.\n" +
		"- `message_id`: required, 1 to 64 visible ASCII characters: the idempotency key, in one space with that of REST.\n" +
		"- `type`: required, the name of the message.\n" +
		"- `content_type`: `application/json` or nothing.\n" +
		"- `delivery_mode`: 2, so that the message outlives the broker.\n" +
		"- `reply_to`: one of the user's own queues `replies.{user}` and `replies.{user}.NAME`; `replies.{user}` without it.\n" +
		"- `correlation_id`: comes back with the answer; without it the `message_id` does.\n" +
		"- `timestamp`, `expiration`: a command that is not decided by then is refused.\n\n" +
		"The queue behind it holds 1,000 commands: publish with confirms, and after a nack wait and send it again."
	aboutReplies = "Answers to the commands of one user, each with the `correlation_id` or else the `message_id` of its command. An answer may come twice."
	aboutEvents  = "Events of one account, in the form of CloudEvents 1.0; what is a text in it is a header `cloudEvents_*` too. `message_id` is the event's " +
		"id, `type` its type, `correlation_id` its operation. They come at least once, those of one `partitionkey` in their order: drop what is " +
		"not above the last `sequence`, and read what is missing over HTTP, from the `ozone-cursor` of the event before it on. Further queues `events.{user}.NAME` have some types or one server alone."
	aboutHosts = "Where operators bind their queues of the events of hosts, which have the form and the promises of those of an account. Hosts are of no " +
		"account, and their events have no phase: the first and the last part of the routing key are `-`."
	aboutKeys = "Where the queues of events are bound. Nobody but Ozone publishes or binds here. The routing key is " +
		"`{account}.{object}.{id}.{action}.{phase}`, with `-` where an event has no phase."
)

// AsyncAPI is the document that describes the tenants' bus, and what the nodes' own has for operators.
func AsyncAPI() ([]byte, error) {
	all := All()
	messages, bodies := Schema{}, Schema{}
	for i := range all {
		m := &all[i]
		messages[m.Type()] = m.described()
		bodies[m.Type()] = m.Body
	}
	maps.Copy(bodies, definitions)
	maps.Copy(bodies, headers)
	address := Schema{"default": "127.0.0.1:5672", "description": "host and port, as in the URL that the operator gives"}
	doc := Schema{
		"asyncapi": asyncAPI,
		"info": Schema{
			"title": "Ozone: the bus for programs of tenants", "version": fmt.Sprintf("%d.0.0", Version), "description": about,
			"license": Schema{"name": "Apache 2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
		},
		"defaultContentType": "application/json",
		"servers": Schema{"broker": Schema{
			"host": "{address}", "protocol": "amqp", "protocolVersion": "0-9-1", "pathname": "/" + vhost,
			"description": "the operator's RabbitMQ",
			"variables":   Schema{"address": address},
			"security":    []any{reusable("securitySchemes", "user")},
		}, "nodes": Schema{
			"host": "{address}", "protocol": "amqp", "protocolVersion": "0-9-1", "pathname": "/{vhost}",
			"description": "the same RabbitMQ, for operators",
			"variables":   Schema{"address": address, "vhost": Schema{"default": nodesVhost, "description": "the virtual host of the nodes"}},
			"security":    []any{reusable("securitySchemes", "user")},
		}},
		"channels":   channels(all),
		"operations": operations(all),
		"components": Schema{
			"messages": messages, "schemas": bodies,
			"securitySchemes": Schema{"user": Schema{"type": "userPassword", "description": "the user's name and password"}},
			"parameters":      Schema{"user": Schema{"description": "the name of a user: a small letter and up to 31 small letters, digits, - and _"}},
		},
	}
	body, err := pretty(doc)
	return bytes.ReplaceAll(body, []byte(`"#/definitions/`), []byte(`"#/components/schemas/`)), err
}

func reusable(kind, name string) Schema { return Schema{"$ref": "#/components/" + kind + "/" + name} }

// headers are those of each family, beside the properties of AMQP.
var headers = Schema{
	"commandsHeaders": object(Schema{
		"ozone-message-id": Schema{"type": "string", "description": "message_id, for who cannot set that"},
		"ozone-type":       Schema{"type": "string", "description": "type, for who cannot set that"},
		"traceparent":      pattern(traceForm).says("a W3C trace context"),
	}),
	"answersHeaders": object(Schema{"traceparent": pattern(traceForm).says("that of the command")}),
	"eventsHeaders": object(Schema{
		"cloudEvents_specversion": exactly("1.0"), "cloudEvents_id": Schema{"type": "string"}, "cloudEvents_type": Schema{"type": "string"},
		"cloudEvents_source": Schema{"type": "string"}, "cloudEvents_sequence": Schema{"type": "string"},
		"ozone-cursor": Schema{"type": "string", "description": "where the log goes on behind the event, over HTTP"},
	}, "cloudEvents_specversion", "cloudEvents_id", "cloudEvents_type", "cloudEvents_source", "cloudEvents_sequence"),
}

// described is the message as AsyncAPI has it.
func (m *Message) described() Schema {
	s := Schema{
		"name": m.Type(), "title": m.Type(), "summary": m.Says, "payload": reusable("schemas", m.Type()),
		"headers": reusable("schemas", string(m.Family)+"Headers"), "contentType": "application/json",
		"bindings": Schema{"amqp": Schema{"messageType": m.Type(), "bindingVersion": amqpBinding}},
		"examples": []any{Schema{"name": "example", "payload": m.Example}},
	}
	if m.Family == Events {
		s["contentType"] = "application/cloudevents+json"
		s["examples"] = []any{Schema{"name": "example", "payload": m.Example, "headers": eventHeaders(m.Example)}}
	}
	return s
}

func eventHeaders(example any) Schema {
	e, _ := example.(schemas.Event)
	return Schema{
		"cloudEvents_specversion": e.SpecVersion, "cloudEvents_id": e.ID, "cloudEvents_type": e.Type, "cloudEvents_source": e.Source,
		"cloudEvents_sequence": e.Sequence,
	}
}

// some are the messages of a family that operators, or else tenants, have to do with, by their types.
func some(all []Message, family Family, operators bool) Schema {
	found := Schema{}
	for i := range all {
		if m := &all[i]; m.Family == family && m.Operators == operators {
			found[m.Type()] = reusable("messages", m.Type())
		}
	}
	return found
}

func channels(all []Message) Schema {
	user := Schema{"user": reusable("parameters", "user")}
	server := func(name string) []any { return []any{Schema{"$ref": "#/servers/" + name}} }
	queue := func(name, says string, family Family) Schema {
		return Schema{
			"address": name, "description": says, "parameters": user, "messages": some(all, family, false), "servers": server("broker"),
			"bindings": Schema{"amqp": Schema{
				"is": "queue", "bindingVersion": amqpBinding,
				"queue": Schema{"name": name, "durable": true, "exclusive": false, "autoDelete": false, "vhost": vhost},
			}},
		}
	}
	exchange := func(name, kind, vhost string) Schema {
		return Schema{"amqp": Schema{
			"is": "routingKey", "bindingVersion": amqpBinding,
			"exchange": Schema{"name": name, "type": kind, "durable": true, "autoDelete": false, "vhost": vhost},
		}}
	}
	part := func(says string) Schema { return Schema{"description": says} }
	return Schema{
		"ingress": Schema{
			"address": "ingress.{user}", "description": aboutIngress, "parameters": user, "messages": some(all, Commands, false),
			"servers": server("broker"), "bindings": exchange("ingress.{user}", "fanout", vhost),
		},
		"replies": queue("replies.{user}", aboutReplies, Answers),
		"events":  queue("events.{user}", aboutEvents, Events),
		"eventKeys": Schema{
			"address": "{account}.{object}.{id}.{action}.{phase}", "description": aboutKeys, "messages": some(all, Events, false),
			"servers": server("broker"), "bindings": exchange("events", "topic", vhost),
			"parameters": Schema{
				"account": part("the number of the account"), "object": part("server, image or shared_ip_group"), "id": part("its number"),
				"action": part("as resize"), "phase": part("start, progress, end, error, cancelled or -"),
			},
		},
		"ops": Schema{
			"address": "-.host.{id}.{action}.-", "description": aboutHosts, "messages": some(all, Events, true),
			"servers": server("nodes"), "bindings": exchange("ozone.ops", "topic", nodesVhost),
			"parameters": Schema{"id": part("the number of the host"), "action": part("as lost")},
		},
	}
}

func operations(all []Message) Schema {
	channel := func(name string) Schema { return Schema{"$ref": "#/channels/" + name} }
	of := func(name string, family Family, operators bool) []any {
		list := []any{}
		for i := range all {
			if m := &all[i]; m.Family == family && m.Operators == operators {
				list = append(list, Schema{"$ref": "#/channels/" + name + "/messages/" + m.Type()})
			}
		}
		return list
	}
	persistent := Schema{"amqp": Schema{"deliveryMode": 2, "bindingVersion": amqpBinding}}
	return Schema{
		"command": Schema{
			"action": "receive", "title": "Take a command", "channel": channel("ingress"), "messages": of("ingress", Commands, false),
			"summary": "Ozone takes a command of a user, and answers it when it is admitted or refused.", "bindings": persistent,
			"reply": Schema{"channel": channel("replies"), "messages": of("replies", Answers, false)},
		},
		"event": Schema{
			"action": "send", "title": "Tell what has happened", "channel": channel("events"), "messages": of("events", Events, false),
			"summary": "Ozone sends what has happened to the servers, images and groups of an account.", "bindings": persistent,
		},
		"hostEvent": Schema{
			"action": "send", "title": "Tell operators what has happened", "channel": channel("ops"), "messages": of("ops", Events, true),
			"summary": "Ozone sends what has happened to hosts.", "bindings": persistent,
		},
	}
}
