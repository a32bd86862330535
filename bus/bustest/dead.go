package bustest

import (
	"context"
	"reflect"
	"strings"
	"time"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/schemas"
)

func buries(s *suite) {
	t := s.t
	died := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	letters := []bus.DeadLetter{
		{
			Message: bus.Message{
				ID: "id-1", Type: "rumour", CorrelationID: "c-1", ReplyTo: bus.ReplyQueue("edge"), Expires: past, Body: []byte("\x00body\xff"),
			},
			From: bus.ShardQueue(1), Redeliveries: 7, Reason: "nobody knows it", Died: died,
		},
		{Message: bus.Message{ID: "id-2", Type: schemas.TypeStep, Body: []byte("{}")}, From: bus.HostQueue(3), Reason: strings.Repeat("x", bus.MaxReason), Died: died.Add(time.Hour)},
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for i := range letters {
		want(t, "Bury", s.bus.Bury(ctx, letters[i]), nil)
	}
	got := s.Dead(t, s.bus)
	if len(got) != len(letters) {
		t.Fatalf("%d dead letters, want %d", len(got), len(letters))
	}
	for i := range got {
		got[i].Died, got[i].Expires = got[i].Died.UTC(), got[i].Expires.UTC() // the same instants, wherever it was read
		if !reflect.DeepEqual(got[i], letters[i]) {
			t.Errorf("dead letter %+v, want %+v", got[i], letters[i])
		}
	}
}

func buriesNothing(s *suite) {
	t := s.t
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	want(t, "Bury", s.bus.Bury(ctx, bus.DeadLetter{From: bus.ShardQueue(1)}), context.Canceled)
	if got := s.Dead(t, s.bus); len(got) != 0 {
		t.Errorf("dead letters %+v, want none", got)
	}
}
