// Package catalogue is the table of the messages that others send to Ozone or get from it, each with a JSON Schema.
//
// The files in schemas/commands, schemas/answers and schemas/events, and schemas/asyncapi.json, are made from it by make golden.
package catalogue

import (
	"encoding/json"
	"fmt"
	"maps"
	"strconv"

	"github.com/ozonecloud/ozone/schemas"
)

// Family is what a message is: what a producer sends, what it gets back, what subscribers get.
type Family string

// The families.
const (
	Commands Family = "commands"
	Answers  Family = "answers"
	Events   Family = "events"
)

// Version is that of every schema. Within one, members are added, never taken away or made another thing.
const Version = 1

// Message is one type of message.
type Message struct {
	Family Family
	// Name is without a prefix: "server.resize", "command.accepted", "server.resize.end".
	Name string
	// Operators: tenants never get it.
	Operators bool
	// Says is one sentence.
	Says string
	// Body is the JSON Schema of its body, with references to definitions.
	Body Schema
	// Example is a body that the schema takes.
	Example any
}

// All lists every type of message.
func All() []Message {
	var all []Message
	for _, c := range commands {
		all = append(all, c.message())
	}
	all = append(all, answers()...)
	for i := range events {
		for _, phase := range events[i].Phases {
			all = append(all, events[i].message(phase))
		}
	}
	return all
}

// Type is the AMQP property of that name.
func (m *Message) Type() string {
	if m.Family == Events {
		return "ozone." + m.Name
	}
	return m.Name
}

// Path is where a node serves the schema; events have it as dataschema.
func (m *Message) Path() string {
	return "/schemas/" + string(m.Family) + "/" + m.Name + "/" + strconv.Itoa(Version) + ".json"
}

// Document is the schema by itself, with the definitions that it needs.
func (m *Message) Document() ([]byte, error) {
	doc := Schema{"$schema": "http://json-schema.org/draft-07/schema#", "$id": m.Path(), "title": m.Type(), "description": m.Says, "examples": []any{m.Example}}
	maps.Copy(doc, m.Body)
	body, err := json.Marshal(doc)
	if err != nil {
		return nil, fmt.Errorf("schema of %s: %w", m.Type(), err)
	}
	if used := usedBy(body); len(used) > 0 {
		doc["definitions"] = used
	}
	return pretty(doc)
}

// example is the operation in every example.
const example schemas.OperationID = "019b7d2e-5f00-7000-8000-000000000001"
