package schemas_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/ozonecloud/ozone/schemas"
)

// messageTypes are all that a shard or a host can get, and one that nobody knows.
var messageTypes = []schemas.MessageType{
	schemas.TypeCommand, schemas.TypeStep, schemas.TypeOutcome, schemas.TypeHeartbeat, schemas.TypeAllocate, schemas.TypeAllocated,
	schemas.TypeRelease, schemas.TypeReleased, schemas.TypeFence, schemas.TypeNotice, schemas.TypeNoted, schemas.TypeDryRun, schemas.TypeWake, "tomorrow",
}

// FuzzMessages feeds anything to the reader of deliveries and stored requests, of any type and version: what is taken can be
// written anew and is taken again.
func FuzzMessages(f *testing.F) {
	for i, body := range []string{
		`{"v":1,"id":"019b7c1a-0000-7000-8000-000000000001","action":"server.create","account":1001,"params":{"name":"n","image":1,"flavor":1},"created":"2026-01-02T03:04:05Z","expires":"2026-01-02T03:04:15Z"}`,
		`{"v":1,"operation":"o","name":"start","attempt":1,"host":7,"actor":{"kind":"server","id":1},"account":1001,"timeout":1000000000,"params":{"server":1,"copy":1}}`,
		`{"v":2}`, `{"v":-1}`, `{"v":"1"}`, `null`, `[]`, ``, `{"v":1,"account":1e400}`, `{"v":1,"v":2}`,
	} {
		f.Add(i, []byte(body))
	}
	f.Fuzz(func(t *testing.T, kind int, body []byte) {
		of := messageTypes[uint(kind)%uint(len(messageTypes))]
		m, err := schemas.DecodeMessage(of, body)
		if err != nil {
			if m != nil {
				t.Errorf("DecodeMessage(%s, %q) = %+v beside the error %v", of, body, m, err)
			}
			return
		}
		_ = m.To() // it may be for nobody
		again, err := json.Marshal(m)
		if err != nil {
			t.Fatalf("DecodeMessage(%s, %q) = %+v, which cannot be written: %v", of, body, m, err)
		}
		if _, err := schemas.DecodeMessage(of, again); err != nil && !errors.Is(err, schemas.ErrForeign) {
			t.Errorf("DecodeMessage(%s, %q) is taken, and written anew (%s) it is %v", of, body, again, err)
		}
	})
}
