package actors

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

const (
	// followEvery is how often an engine asks whose events are wanted, and looks for what it was not told of. Source: docs/numbers.md.
	followEvery = 2 * time.Second
	// visibleEvery and visibleWithin are how often, and for how long after its commit, an event is looked for: the log shows it once no
	// older transaction is under way. Source: docs/numbers.md.
	visibleEvery  = 20 * time.Millisecond
	visibleWithin = time.Second
	// publishPage is how many events are sent before it is kept how far they are.
	publishPage = 256
)

// Publishing is how an engine sends events to programs of tenants: at least once, those of one source in their order.
type Publishing struct {
	Bus   bus.Tenants
	Store PublishingStore
}

// PublishingStore is the part of a store that this needs.
type PublishingStore interface {
	storage.EventReader
	storage.EventCursors
	storage.BusUsers
}

// publisher sends the events of the accounts that have users on the tenants' bus and whose shards are here. An owner that does
// not know that it is none any more sends what another sends too: the same bytes.
type publisher struct {
	Publishing

	engine *Engine
	wake   chan struct{} // holds one word: an account is due

	mu  sync.Mutex
	due map[schemas.AccountID]time.Time // guarded by mu; until when something is looked for; only of followed accounts

	followed map[schemas.AccountID]storage.Cursor // run's alone; behind what was sent; "": to be read
}

func newPublisher(e *Engine, p Publishing) *publisher {
	return &publisher{
		Publishing: p, engine: e, wake: make(chan struct{}, 1),
		due: map[schemas.AccountID]time.Time{}, followed: map[schemas.AccountID]storage.Cursor{},
	}
}

// committed says that units are in the log.
func (p *publisher) committed(units []*unit) {
	if p == nil {
		return
	}
	until := p.engine.cfg.Now().Add(visibleWithin)
	woken := false
	p.mu.Lock()
	for _, u := range units {
		for i := range u.rows.Events {
			account := u.rows.Events[i].Account
			if _, wanted := p.due[account]; wanted {
				p.due[account], woken = until, true
			}
		}
	}
	p.mu.Unlock()
	if !woken {
		return
	}
	select {
	case p.wake <- struct{}{}:
	default: // it is awake already
	}
}

// run sends until ctx ends.
func (p *publisher) run(ctx context.Context) {
	follow, look := time.NewTicker(followEvery), time.NewTicker(visibleEvery)
	defer follow.Stop()
	defer look.Stop()
	p.follow(ctx)
	for {
		var again <-chan time.Time // nobody is due: nothing to look at
		if p.sendDue(ctx) {
			again = look.C
		}
		select {
		case <-ctx.Done():
			return
		case <-follow.C:
			p.follow(ctx)
		case <-p.wake:
		case <-again:
		}
	}
}

// follow learns whose events are wanted, and makes every one of them due: what happened while nobody followed is found so.
func (p *publisher) follow(ctx context.Context) {
	users, err := p.Store.BusUsers(ctx)
	if err != nil {
		return // the next look is soon
	}
	wanted := map[schemas.AccountID]storage.Cursor{}
	for _, u := range users {
		if p.engine.here[schemas.ShardOf(u.Account)].Load() {
			wanted[u.Account] = p.followed[u.Account]
		}
	}
	p.followed = wanted
	now := p.engine.cfg.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	for account := range p.due {
		if _, still := wanted[account]; !still {
			delete(p.due, account)
		}
	}
	for account := range wanted {
		if p.due[account].Before(now) {
			p.due[account] = now
		}
	}
}

// sendDue sends for every account that is due; true: something may show up in the log soon.
func (p *publisher) sendDue(ctx context.Context) (more bool) {
	for account := range p.followed {
		p.mu.Lock()
		until := p.due[account]
		p.mu.Unlock()
		if until.IsZero() {
			continue
		}
		sent, err := p.send(ctx, account)
		if err != nil && ctx.Err() == nil {
			p.engine.cfg.Log.Warn("events are not sent; they are when it works again", "account", int64(account), "error", err)
		}
		p.mu.Lock()
		if p.due[account].Equal(until) && (sent || err != nil || until.Before(p.engine.cfg.Now())) {
			p.due[account] = time.Time{}
		}
		more = more || !p.due[account].IsZero()
		p.mu.Unlock()
	}
	return more
}

// send sends what follows the cursor of an account, page by page; sent tells whether there was anything.
func (p *publisher) send(ctx context.Context, account schemas.AccountID) (sent bool, err error) {
	after := p.followed[account]
	if after == "" {
		if after, err = p.begin(ctx, account); err != nil {
			return false, err
		}
	}
	for more := true; more; {
		page, err := p.Store.Events(ctx, account, after, publishPage)
		if errors.Is(err, storage.ErrCursorGone) {
			p.engine.cfg.Log.Warn("events were deleted before they were sent, or the store went back", "account", int64(account))
			p.followed[account] = ""
			return sent, p.restart(ctx, account)
		}
		if err != nil {
			return sent, err
		}
		if err := p.post(ctx, page.Events); err != nil {
			return sent, err
		}
		if len(page.Events) > 0 {
			sent = true
			if err := p.Store.SaveSentEvents(ctx, account, page.Next); err != nil {
				return sent, err
			}
		}
		after, more = page.Next, page.More
		p.followed[account] = after
	}
	return sent, nil
}

// begin is where an account was left, or the end of the log when it is followed for the first time.
func (p *publisher) begin(ctx context.Context, account schemas.AccountID) (storage.Cursor, error) {
	after, err := p.Store.SentEvents(ctx, account)
	if err != nil || after != "" {
		return after, err
	}
	if err := p.restart(ctx, account); err != nil {
		return "", err
	}
	return p.Store.SentEvents(ctx, account)
}

// restart goes on at the end of the log.
func (p *publisher) restart(ctx context.Context, account schemas.AccountID) error {
	end, err := p.Store.EventsEnd(ctx)
	if err != nil {
		return err
	}
	return p.Store.SaveSentEvents(ctx, account, end)
}

func (p *publisher) post(ctx context.Context, events []storage.EventRow) error {
	posts := make([]bus.Post, 0, len(events))
	for i := range events {
		post, err := eventPost(&events[i])
		if err != nil {
			return err
		}
		posts = append(posts, post)
	}
	return p.Bus.Post(ctx, posts...)
}

// eventPost is a stored event as it goes to tenants: its body as it is, its members in the head too.
func eventPost(e *storage.EventRow) (bus.Post, error) {
	var members map[string]any
	if err := json.Unmarshal(e.Body, &members); err != nil {
		return bus.Post{}, fmt.Errorf("event %d of %s: %w", e.Sequence, e.Ref, err)
	}
	text := map[string]string{}
	for name, value := range members {
		if s, ok := value.(string); ok {
			text[name] = s
		}
	}
	headers := make(map[string]string, len(text))
	for name, s := range text {
		headers["cloudEvents_"+name] = s
	}
	return bus.Post{
		Topic: bus.TopicEvents, Key: eventKey(e), ID: text["id"], Type: e.Type, CorrelationID: text["correlationid"],
		ContentType: "application/cloudevents+json", Headers: headers, Body: e.Body,
	}, nil
}

// eventKey is <account>.<object>.<number>.<action>.<phase>, with - where a part is missing.
func eventKey(e *storage.EventRow) string {
	object, rest, _ := strings.Cut(strings.TrimPrefix(e.Type, "ozone."), ".")
	action, phase, _ := strings.Cut(rest, ".")
	for _, part := range []*string{&action, &phase} {
		if *part == "" {
			*part = "-"
		}
	}
	return fmt.Sprintf("%d.%s.%d.%s.%s", e.Account, object, e.Ref.ID, action, phase)
}
