package edge_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// tell adds an event to the log. A cursor is how many events are before it.
func (s *rows) tell(owner schemas.AccountID, ref schemas.Ref, kind, body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sequence := int64(1)
	for _, e := range s.log {
		if e.Ref == ref {
			sequence++
		}
	}
	s.log = append(s.log, storage.EventRow{
		Ref: ref, Sequence: sequence, Account: owner, Type: kind, Time: time.Unix(int64(len(s.log)), 0), Body: []byte(body),
		Cursor: storage.Cursor(strconv.Itoa(len(s.log) + 1)),
	})
}

// place is the number that a cursor stands for.
func place(c storage.Cursor) (int, error) {
	if c == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(string(c))
	if err != nil {
		return 0, schemas.Errorf(schemas.KindInvalid, "this is no cursor of this cloud")
	}
	return n, nil
}

func (s *rows) Events(_ context.Context, a schemas.AccountID, after storage.Cursor, limit int) (storage.EventPage, error) {
	return s.page([]schemas.AccountID{a}, after, limit)
}

func (s *rows) EventsOfAll(_ context.Context, accounts []schemas.AccountID, after storage.Cursor, limit int) (storage.EventPage, error) {
	s.mu.Lock()
	wait := s.reading
	s.mu.Unlock()
	if wait != nil {
		wait()
	}
	return s.page(accounts, after, limit)
}

func (s *rows) page(accounts []schemas.AccountID, after storage.Cursor, limit int) (storage.EventPage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, err := place(after)
	switch {
	case err != nil || s.fail != nil:
		return storage.EventPage{}, errors.Join(err, s.fail)
	case after != "" && at < s.forgotten:
		return storage.EventPage{}, storage.ErrCursorGone
	}
	var page storage.EventPage
	for at = max(at, s.forgotten); at < len(s.log) && len(page.Events) < limit; at++ {
		if slices.Contains(accounts, s.log[at].Account) {
			page.Events = append(page.Events, s.log[at])
		}
	}
	page.Next, page.More = storage.Cursor(strconv.Itoa(at)), at < len(s.log)
	return page, nil
}

func (s *rows) EventsEnd(context.Context) (storage.Cursor, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return storage.Cursor(strconv.Itoa(len(s.log))), s.fail
}

func (s *rows) Behind(a, b storage.Cursor) bool {
	m, _ := place(a)
	n, _ := place(b)
	return m > n
}

func (s *rows) History(_ context.Context, a schemas.AccountID, f storage.HistoryFilter) ([]storage.EventRow, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []storage.EventRow
	for _, e := range s.log {
		if e.Ref == f.Source && e.Account == a && e.Sequence > f.After && !e.Time.Before(f.Since) && (f.Until.IsZero() || !e.Time.After(f.Until)) {
			list = append(list, e)
		}
	}
	if f.Last {
		slices.Reverse(list)
	}
	return list[:min(f.Limit, len(list))], s.fail
}
