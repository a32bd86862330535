package actors

import (
	"strings"
	"testing"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

func TestAnEventGoesOutAsItIsStored(t *testing.T) {
	t.Parallel()
	const body = `{"specversion":"1.0","id":"server-7-3","type":"ozone.server.resize.end","sequence":"00000000000000000003","correlationid":"op","data":{"object":null}}`
	got, err := eventPost(bus.TopicEvents, &storage.EventRow{
		Ref: schemas.ServerID(7).Ref(), Sequence: 3, Account: 1001, Type: "ozone.server.resize.end", Body: []byte(body), Cursor: "a-1-2-3",
	})
	if err != nil || string(got.Body) != body || got.ID != "server-7-3" || got.CorrelationID != "op" || got.Topic != bus.TopicEvents ||
		got.ContentType != "application/cloudevents+json" || got.Headers["cloudEvents_sequence"] != "00000000000000000003" || got.Headers["cloudEvents_data"] != "" || got.Headers["ozone-cursor"] != "a-1-2-3" {
		t.Errorf("eventPost() = %+v, %v", got, err)
	}
}

func TestTheKeyOfAnEventHasFiveParts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		account schemas.AccountID
		kind    string
		want    string
	}{
		{1001, "ozone.server.resize.end", "1001.server.7.resize.end"},
		{1001, "ozone.image.delete", "1001.image.7.delete.-"},
		{1001, "ozone.shared_ip_group.member_added", "1001.shared_ip_group.7.member_added.-"},
		{noAccount, "ozone.host.lost", "-.host.7.lost.-"},
	} {
		if got := eventKey(&storage.EventRow{Ref: schemas.ServerID(7).Ref(), Account: c.account, Type: c.kind}); got != c.want {
			t.Errorf("eventKey(%s) = %s, want %s", c.kind, got, c.want)
		}
	}
}

func TestAnEventThatCannotGoOutIsNamed(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", bus.MaxName+1)
	for body, want := range map[string]string{
		`{"id":"server-7-3"`:            "cannot be read",
		`[]`:                            "cannot be read",
		`null`:                          "no id",
		`{"id":"` + long + `"}`:         "longer than",
		`{"id":"a","` + long + `":"x"}`: "longer than",
		`{"id":"a","x":"` + strings.Repeat("x", 40<<10) + `"}`: "more than",
	} {
		if _, err := eventPost(bus.TopicEvents, &storage.EventRow{Type: "ozone.x", Body: []byte(body)}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("eventPost(%.40s) = %v, want an error with %q", body, err, want)
		}
	}
}
