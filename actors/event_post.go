package actors

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/storage"
)

// mostEvent is how large an event that is sent may be: its head must fit into one frame of AMQP, 128 KiB. Measured: with
// everything that a server may have some 4 KiB.
const mostEvent = 64 << 10

// cursorHeader has where the log goes on behind an event, for who has missed some and reads them over HTTP.
const cursorHeader = "ozone-cursor"

// eventPost is a stored event as it goes out: its body as it is, its members in the head too.
func eventPost(topic string, e *storage.EventRow) (bus.Post, error) {
	var members map[string]json.RawMessage // what is in data is not looked into
	if err := json.Unmarshal(e.Body, &members); err != nil {
		return bus.Post{}, fmt.Errorf("its body cannot be read: %w", err)
	}
	text := map[string]string{}
	headers := map[string]string{}
	long := len(e.Body)
	for name, value := range members {
		var s string
		if value[0] == '"' && json.Unmarshal(value, &s) == nil {
			text[name], headers["cloudEvents_"+name] = s, s
			long += len(s)
		}
	}
	if e.Cursor != "" {
		headers[cursorHeader] = string(e.Cursor)
	}
	p := bus.Post{
		Topic: topic, Key: eventKey(e), ID: text["id"], Type: e.Type, CorrelationID: text["correlationid"],
		ContentType: "application/cloudevents+json", Headers: headers, Body: e.Body,
	}
	names := []string{p.Key, p.ID, p.Type, p.CorrelationID}
	for name := range headers {
		names = append(names, name)
	}
	switch {
	case p.ID == "":
		return p, errors.New("its body has no id")
	case long > mostEvent:
		return p, fmt.Errorf("it has more than %d bytes", mostEvent)
	case slices.ContainsFunc(names, func(s string) bool { return len(s) > bus.MaxName }):
		return p, fmt.Errorf("a name in it is longer than %d bytes", bus.MaxName)
	}
	return p, nil
}

// eventKey is <account>.<object>.<number>.<action>.<phase>, with - where a part is missing: hosts are of no account.
func eventKey(e *storage.EventRow) string {
	account := ""
	if e.Account != noAccount {
		account = strconv.FormatInt(int64(e.Account), 10)
	}
	object, rest, _ := strings.Cut(strings.TrimPrefix(e.Type, "ozone."), ".")
	action, phase, _ := strings.Cut(rest, ".")
	for _, part := range []*string{&account, &action, &phase} {
		if *part == "" {
			*part = "-"
		}
	}
	return fmt.Sprintf("%s.%s.%d.%s.%s", account, object, e.Ref.ID, action, phase)
}
