package sqlstore

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// checkText refuses what not every database stores in a text: NUL and invalid UTF-8.
func checkText(u *storage.Unit) error {
	for i := range u.Snapshots {
		s := &u.Snapshots[i]
		if !clean(s.Name, s.Status) || !cleanBytes(s.State) || !cleanBytes(s.Rendered) {
			return fmt.Errorf("snapshot %s is not clean text", s.Ref)
		}
	}
	for i := range u.Operations {
		o := &u.Operations[i]
		if !clean(string(o.ID), string(o.Action), string(o.State), string(o.Target.Kind), o.ReplyTo) ||
			o.Error != nil && !clean(o.Error.Message, o.Error.Details) {
			return fmt.Errorf("operation %q is not clean text", o.ID)
		}
	}
	for i := range u.Events {
		e := &u.Events[i]
		if !clean(string(e.Ref.Kind), e.Type) || !cleanBytes(e.Body) {
			return fmt.Errorf("event %d of %q is not clean text", e.Sequence, e.Ref)
		}
	}
	return checkRest(u)
}

func checkRest(u *storage.Unit) error {
	for i := range u.Outbox {
		o := &u.Outbox[i]
		if !clean(o.ID, string(o.Type)) || !cleanBytes(o.Body) {
			return fmt.Errorf("outbox row %q is not clean text", o.ID)
		}
	}
	for i := range u.Keys {
		if !clean(string(u.Keys[i].Operation)) {
			return fmt.Errorf("key of operation %q is not clean text", u.Keys[i].Operation)
		}
	}
	if !clean(u.Cleared...) {
		return fmt.Errorf("the id of a suspect is not clean text: %q", u.Cleared)
	}
	for i := range u.Reservations {
		if !clean(string(u.Reservations[i].Operation)) {
			return fmt.Errorf("reservation of operation %q is not clean text", u.Reservations[i].Operation)
		}
	}
	for i := range u.Addresses {
		if !clean(u.Addresses[i].IP) {
			return fmt.Errorf("address %q is not clean text", u.Addresses[i].IP)
		}
	}
	return nil
}

func clean(texts ...string) bool {
	for _, t := range texts {
		if !schemas.CleanText(t) {
			return false
		}
	}
	return true
}

func cleanBytes(text []byte) bool { return utf8.Valid(text) && bytes.IndexByte(text, 0) < 0 }
