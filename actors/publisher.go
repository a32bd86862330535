package actors

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

const (
	// followEvery is how often an engine asks whose events are wanted, looks for what it was not told of, and keeps how far it is.
	// Source: docs/numbers.md.
	followEvery = 2 * time.Second
	// lookAfter is how long after a commit its events are looked for: those of other commits come along. When nothing more is
	// told of, the next looks are twice as far away each time: the log shows an event once no older transaction is under way.
	// Source: docs/numbers.md.
	lookAfter = 5 * time.Millisecond
	// publishPage is how many events are sent before the next are read.
	publishPage = 256
	// refreshEvery is how often it is kept anew how far those accounts are which have no events: an old place counts as gone.
	refreshEvery = time.Hour
	// lastSave bounds the keeping of it when an engine stops.
	lastSave = 2 * time.Second
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

// publisher sends the events of the accounts that have users on the tenants' bus and whose shards are here. It reads the log for
// all of them at once. An owner that does not know that it is none any more sends what another sends too: the same bytes.
type publisher struct {
	Publishing

	engine *Engine
	wake   chan struct{} // holds one word: events were committed

	mu     sync.Mutex
	wanted map[schemas.AccountID]bool // guarded by mu; whose events are sent

	// What follows is run's alone.
	places    map[schemas.AccountID]*place
	at        storage.Cursor // all before it is sent of the accounts that are level; "": to be read
	refreshed time.Time
}

// place is how far the events of an account are sent.
type place struct {
	after storage.Cursor // "": to be read
	level bool           // nothing of it is missing before publisher.at
	moved bool           // it is not kept yet
}

func newPublisher(e *Engine, p Publishing) *publisher {
	return &publisher{
		Publishing: p, engine: e, wake: make(chan struct{}, 1), places: map[schemas.AccountID]*place{}, refreshed: e.cfg.Now(),
	}
}

// committed says that units are in the log.
func (p *publisher) committed(units []*unit) {
	if p == nil || !p.wants(units) {
		return
	}
	select {
	case p.wake <- struct{}{}:
	default: // it is awake already
	}
}

func (p *publisher) wants(units []*unit) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, u := range units {
		for i := range u.rows.Events {
			if p.wanted[u.rows.Events[i].Account] {
				return true
			}
		}
	}
	return false
}

// run sends until ctx ends.
func (p *publisher) run(ctx context.Context) {
	follow, again := time.NewTicker(followEvery), time.NewTimer(0)
	defer follow.Stop()
	defer again.Stop()
	p.follow(ctx)
	for pause := lookAfter; ; {
		if p.look(ctx) {
			again.Reset(0)
		} else {
			again.Reset(pause)
		}
		select {
		case <-ctx.Done():
			p.end(ctx)
			return
		case <-follow.C:
			p.save(ctx)
			p.follow(ctx)
		case <-p.wake:
			sleep(ctx, lookAfter)
			pause = lookAfter
		case <-again.C:
			pause = min(2*pause, followEvery)
		}
	}
}

// end keeps how far all is, so that the next owner need not send it again.
func (p *publisher) end(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastSave)
	defer cancel()
	p.save(ctx)
}

// follow learns whose events are wanted.
func (p *publisher) follow(ctx context.Context) {
	users, err := p.Store.BusUsers(ctx)
	if err != nil {
		return // the next look is soon
	}
	places, wanted := map[schemas.AccountID]*place{}, map[schemas.AccountID]bool{}
	for _, u := range users {
		if !p.engine.here[schemas.ShardOf(u.Account)].Load() || wanted[u.Account] {
			continue
		}
		wanted[u.Account], places[u.Account] = true, p.places[u.Account]
		if places[u.Account] == nil {
			places[u.Account] = &place{}
		}
	}
	p.places = places
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wanted = wanted
}

// look sends what is in the log, at most a page of those that are level and of each other account; more: there is more already.
// What fails is tried again by the next look.
func (p *publisher) look(ctx context.Context) (more bool) {
	if len(p.places) == 0 {
		p.at = "" // else it would grow old
		return false
	}
	if err := p.begin(ctx); err != nil {
		p.failed(ctx, err)
		return false
	}
	for account, at := range p.places {
		if at.level {
			continue
		}
		behind, err := p.catchUp(ctx, account, at)
		if err != nil {
			p.failed(ctx, err, "account", int64(account))
			return false
		}
		more = more || behind
	}
	behind, err := p.advance(ctx)
	if err != nil {
		p.failed(ctx, err)
		return false
	}
	return more || behind
}

func (p *publisher) failed(ctx context.Context, err error, fields ...any) {
	if ctx.Err() == nil {
		p.engine.cfg.Log.Warn("events are not sent; they are when it works again", append(fields, "error", err)...)
	}
}

// begin finds the place from which on all accounts are read at once. All before it is in the log.
func (p *publisher) begin(ctx context.Context) (err error) {
	if p.at == "" {
		p.at, err = p.Store.EventsEnd(ctx)
	}
	return err
}

// catchUp sends a page of an account alone; it is level behind the last one.
func (p *publisher) catchUp(ctx context.Context, account schemas.AccountID, at *place) (more bool, err error) {
	if at.after == "" {
		if at.after, err = p.left(ctx, account); err != nil {
			return false, err
		}
	}
	page, err := p.Store.Events(ctx, account, at.after, publishPage)
	if errors.Is(err, storage.ErrCursorGone) {
		p.engine.cfg.Log.Warn("events were deleted before they were sent, or the store went back", "account", int64(account))
		at.after, err = p.restart(ctx, account)
		return err == nil, err
	}
	if err == nil {
		err = p.post(ctx, page.Events)
	}
	if err != nil {
		return false, err
	}
	at.after, at.level, at.moved = page.Next, !page.More, at.moved || len(page.Events) > 0
	return page.More, nil
}

// advance sends a page of all accounts that are level, without what they were sent alone.
func (p *publisher) advance(ctx context.Context) (more bool, err error) {
	var level []schemas.AccountID
	for account, at := range p.places {
		if at.level {
			level = append(level, account)
		}
	}
	if len(level) == 0 {
		return false, nil
	}
	page, err := p.Store.EventsOfAll(ctx, level, p.at, publishPage)
	if errors.Is(err, storage.ErrCursorGone) {
		p.at = ""
		for _, at := range p.places {
			at.level = false
		}
		return true, nil
	}
	if err != nil {
		return false, err
	}
	events := slices.DeleteFunc(page.Events, func(e storage.EventRow) bool { return !p.Store.Behind(e.Cursor, p.places[e.Account].after) })
	if err := p.post(ctx, events); err != nil {
		return false, err
	}
	for i := range events {
		at := p.places[events[i].Account]
		at.after, at.moved = events[i].Cursor, true
	}
	p.at = page.Next
	return page.More, nil
}

// left is where an account was left, or the end of the log when it is followed for the first time.
func (p *publisher) left(ctx context.Context, account schemas.AccountID) (storage.Cursor, error) {
	after, err := p.Store.SentEvents(ctx, account)
	if err != nil || after != "" {
		return after, err
	}
	return p.restart(ctx, account)
}

// restart goes on at the end of the log.
func (p *publisher) restart(ctx context.Context, account schemas.AccountID) (storage.Cursor, error) {
	end, err := p.Store.EventsEnd(ctx)
	if err != nil {
		return "", err
	}
	return end, p.Store.SaveSentEvents(ctx, map[schemas.AccountID]storage.Cursor{account: end})
}

// save keeps how far the accounts are. What it could not keep is sent again after the process has died.
func (p *publisher) save(ctx context.Context) {
	if now := p.engine.cfg.Now(); now.Sub(p.refreshed) >= refreshEvery {
		p.refreshed = now
		for _, at := range p.places {
			if at.level && p.Store.Behind(p.at, at.after) {
				at.after, at.moved = p.at, true
			}
		}
	}
	moved := map[schemas.AccountID]storage.Cursor{}
	for account, at := range p.places {
		if at.moved {
			moved[account] = at.after
		}
	}
	if len(moved) == 0 {
		return
	}
	if err := p.Store.SaveSentEvents(ctx, moved); err != nil {
		p.engine.cfg.Log.Warn("how far events are sent is not kept", "error", err)
		return
	}
	for account := range moved {
		p.places[account].moved = false
	}
}

// post sends events in their order. One that cannot be sent is set aside: the others go on.
func (p *publisher) post(ctx context.Context, events []storage.EventRow) error {
	posts := make([]bus.Post, 0, len(events))
	for i := range events {
		post, err := eventPost(&events[i])
		if err != nil {
			p.setAside(ctx, &events[i], err)
			continue
		}
		posts = append(posts, post)
	}
	if len(posts) == 0 {
		return nil
	}
	return p.Bus.Post(ctx, posts...)
}

// setAside makes an event a dead letter. For its subscribers it is a gap in the sequence of its source.
func (p *publisher) setAside(ctx context.Context, e *storage.EventRow, why error) {
	engine := p.engine
	l := bus.DeadLetter{
		Message: bus.Message{ID: fmt.Sprintf("%s-%d-%d", e.Ref.Kind, e.Ref.ID, e.Sequence), Type: schemas.MessageType(e.Type), Body: e.Body},
		From:    bus.TopicEvents, Reason: "the event cannot be sent: " + why.Error(), Died: engine.cfg.Now(),
	}
	engine.stats.dead.Add(1)
	engine.cfg.Log.Error("event cannot be sent; the others go on", "account", int64(e.Account), "event", l.ID, "error", why)
	engine.wg.Go(func() {
		if err := bus.Bury(ctx, engine.cfg.Bus, l); err != nil {
			engine.cfg.Log.Error("dead letter not kept", "message", l.ID, "error", err)
		}
	})
}
