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
	// publishPage is how many events are read at once.
	publishPage = 256
	// mostFlights is how many pages are sent that the bus does not vouch for yet. Measured in turns at 1,000 events a second, on two
	// cores with the broker: with one an event is with its subscriber after 62 to 92 ms (median), with two after 36 to 49; with
	// eight, whose pages are smaller and cost the broker more, after 55 to 97.
	mostFlights = 2
	// refreshEvery is how often it is kept anew how far those accounts are which have no events: an old place counts as gone.
	refreshEvery = time.Hour
	// lastSave bounds the keeping of it when an engine stops.
	lastSave = 2 * time.Second
)

// noAccount is whose the events of hosts are.
const noAccount schemas.AccountID = 0

// Publishing is how an engine sends events: at least once, those of one source in their order.
type Publishing struct {
	Bus bus.Poster
	// Topic says which: bus.TopicEvents has those of the accounts that have users on the tenants' bus, bus.TopicOps those of hosts.
	Topic string
	Store PublishingStore
}

// PublishingStore is the part of a store that this needs.
type PublishingStore interface {
	storage.EventReader
	storage.EventCursors
	storage.BusUsers
}

// publisher sends the events of the wanted accounts whose shards are here. It reads the log for all of them at once. The events of
// all hosts are sent by who has the shard of noAccount, whichever shards they are of: they are few, and one place says how far
// they are. An owner that does not know that it is none any more sends what another sends too: the same bytes.
type publisher struct {
	Publishing

	engine *Engine
	wake   chan struct{} // holds one word: events were committed

	mu     sync.Mutex
	wanted map[schemas.AccountID]bool // guarded by mu; whose events are sent

	// What follows is run's alone.
	places    map[schemas.AccountID]*place
	at        storage.Cursor // all before it is sent of the accounts that are level; "": to be read
	flights   []flight       // in the order in which they were sent
	refreshed time.Time
}

// flight is what was sent together of the accounts that are level, until the bus vouches for it.
type flight struct {
	from    storage.Cursor // where its events were read
	after   map[schemas.AccountID]storage.Cursor
	vouched bus.Vouch
}

// place is how far the events of an account are sent.
type place struct {
	after storage.Cursor // "": to be read
	safe  storage.Cursor // the bus vouches for all up to it
	level bool           // nothing of it is missing before publisher.at
	moved bool           // safe is not kept yet
}

func newPublisher(e *Engine, p Publishing) *publisher {
	return &publisher{
		Publishing: p, engine: e, wake: make(chan struct{}, 1), places: map[schemas.AccountID]*place{}, refreshed: e.cfg.Now(),
	}
}

// committed says that units are in the log.
func (p *publisher) committed(units []*unit) {
	if !p.wants(units) {
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
		case err := <-p.firstVouched():
			p.land(ctx, err)
		case <-again.C:
			pause = min(2*pause, 2*followEvery) // where nothing happens the looks beside follow are enough
		}
	}
}

// firstVouched has the word for the first flight; nil when none is under way.
func (p *publisher) firstVouched() bus.Vouch {
	if len(p.flights) == 0 {
		return nil
	}
	return p.flights[0].vouched
}

// land ends the first flight. When it has failed, it and those behind it are sent again.
func (p *publisher) land(ctx context.Context, err error) {
	first := p.flights[0]
	if err != nil {
		p.failed(ctx, err)
		p.at = first.from
		p.turnBack()
		return
	}
	p.flights = p.flights[1:]
	for account, after := range first.after {
		if at := p.places[account]; at != nil { // else it is not followed any more
			at.safe, at.moved = after, true
		}
	}
}

// turnBack forgets what the bus does not vouch for.
func (p *publisher) turnBack() {
	p.flights = nil
	for _, at := range p.places {
		at.after = at.safe
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
	accounts, err := p.accounts(ctx)
	if err != nil {
		return // the next look is soon
	}
	places, wanted := map[schemas.AccountID]*place{}, map[schemas.AccountID]bool{}
	for _, account := range accounts {
		if !p.engine.here[schemas.ShardOf(account)].Load() || wanted[account] {
			continue
		}
		wanted[account], places[account] = true, p.places[account]
		if places[account] == nil {
			places[account] = &place{}
		}
	}
	p.places = places
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wanted = wanted
}

// accounts are those whose events the topic has; one may be there more than once.
func (p *publisher) accounts(ctx context.Context) ([]schemas.AccountID, error) {
	if p.Topic == bus.TopicOps {
		return []schemas.AccountID{noAccount}, nil
	}
	users, err := p.Store.BusUsers(ctx)
	accounts := make([]schemas.AccountID, len(users))
	for i := range users {
		accounts[i] = users[i].Account
	}
	return accounts, err
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
		p.engine.cfg.Log.Warn("events are not sent; they are when it works again", append(fields, "topic", p.Topic, "error", err)...)
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
		at.safe = at.after
	}
	page, err := p.Store.Events(ctx, account, at.after, publishPage)
	if errors.Is(err, storage.ErrCursorGone) {
		p.engine.cfg.Log.Warn("events were deleted before they were sent, or the store went back", "account", int64(account))
		at.after, err = p.restart(ctx, account)
		at.safe = at.after
		return err == nil, err
	}
	if err == nil {
		err = p.post(ctx, page.Events).Wait(ctx)
	}
	if err != nil {
		return false, err
	}
	at.after, at.safe, at.level, at.moved = page.Next, page.Next, !page.More, at.moved || len(page.Events) > 0
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
	if len(level) == 0 || len(p.flights) == mostFlights {
		return false, nil
	}
	page, err := p.Store.EventsOfAll(ctx, level, p.at, publishPage)
	if errors.Is(err, storage.ErrCursorGone) {
		p.at = ""
		p.turnBack()
		for _, at := range p.places {
			at.level = false
		}
		return true, nil
	}
	if err != nil {
		return false, err
	}
	events := slices.DeleteFunc(page.Events, func(e storage.EventRow) bool { return !p.Store.Behind(e.Cursor, p.places[e.Account].after) })
	if len(events) > 0 {
		f := flight{from: p.at, after: map[schemas.AccountID]storage.Cursor{}, vouched: p.post(ctx, events)}
		for i := range events {
			f.after[events[i].Account], p.places[events[i].Account].after = events[i].Cursor, events[i].Cursor
		}
		p.flights = append(p.flights, f)
	}
	p.at = page.Next
	return page.More, nil
}

// left is where an account was left, or where it begins when it is followed for the first time.
func (p *publisher) left(ctx context.Context, account schemas.AccountID) (storage.Cursor, error) {
	after, err := p.Store.SentEvents(ctx, account)
	if err != nil || after != "" {
		return after, err
	}
	return p.restart(ctx, account)
}

// restart goes on at the end of the log. Operators get all that is kept: of a new cloud's hosts the first event too.
func (p *publisher) restart(ctx context.Context, account schemas.AccountID) (begin storage.Cursor, err error) {
	if account != noAccount {
		if begin, err = p.Store.EventsEnd(ctx); err != nil {
			return "", err
		}
	}
	return begin, p.Store.SaveSentEvents(ctx, map[schemas.AccountID]storage.Cursor{account: begin})
}

// save keeps how far the accounts are. What it could not keep is sent again after the process has died.
func (p *publisher) save(ctx context.Context) {
	if now := p.engine.cfg.Now(); now.Sub(p.refreshed) >= refreshEvery {
		p.refreshed = now
		for _, at := range p.places {
			if at.level && len(p.flights) == 0 && p.Store.Behind(p.at, at.after) {
				at.after, at.safe, at.moved = p.at, p.at, true
			}
		}
	}
	moved := map[schemas.AccountID]storage.Cursor{}
	for account, at := range p.places {
		if at.moved {
			moved[account] = at.safe
		}
	}
	if len(moved) == 0 {
		return
	}
	if err := p.Store.SaveSentEvents(ctx, moved); err != nil {
		p.engine.cfg.Log.Warn("how far events are sent is not kept", "topic", p.Topic, "error", err)
		return
	}
	for account := range moved {
		p.places[account].moved = false
	}
}

// post sends events in their order. One that cannot be sent is set aside: the others go on.
func (p *publisher) post(ctx context.Context, events []storage.EventRow) bus.Vouch {
	posts := make([]bus.Post, 0, len(events))
	for i := range events {
		post, err := eventPost(p.Topic, &events[i])
		if err != nil {
			p.setAside(ctx, &events[i], err)
			continue
		}
		posts = append(posts, post)
	}
	return p.Bus.Post(ctx, posts...)
}

// setAside makes an event a dead letter. For its subscribers it is a gap in the sequence of its source.
func (p *publisher) setAside(ctx context.Context, e *storage.EventRow, why error) {
	engine := p.engine
	l := bus.DeadLetter{
		Message: bus.Message{ID: fmt.Sprintf("%s-%d-%d", e.Ref.Kind, e.Ref.ID, e.Sequence), Type: schemas.MessageType(e.Type), Body: e.Body},
		From:    bus.Address(p.Topic), Reason: "the event cannot be sent: " + why.Error(), Died: engine.cfg.Now(),
	}
	engine.stats.dead.Add(1)
	engine.cfg.Log.Error("event cannot be sent; the others go on", "account", int64(e.Account), "event", l.ID, "error", why)
	engine.wg.Go(func() {
		if err := bus.Bury(ctx, engine.cfg.Bus, l); err != nil {
			engine.cfg.Log.Error("dead letter not kept", "message", l.ID, "error", err)
		}
	})
}
