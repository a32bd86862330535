package actors

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/bus/inproc"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// eventLog is a log in memory whose end may be hidden, as PostgreSQL hides what was committed beside an older transaction. Its
// cursors are numbers: how many events are before the place.
type eventLog struct {
	storage.EventReader // nothing else is asked

	mu     sync.Mutex
	events []storage.EventRow                   // guarded by mu
	hidden int                                  // guarded by mu; so many at the end are not shown yet
	sent   map[schemas.AccountID]storage.Cursor // guarded by mu
	users  []storage.BusUser
	looks  int // guarded by mu
}

func (l *eventLog) commit(account schemas.AccountID, source int64, body string) *unit {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := storage.EventRow{Ref: schemas.ServerID(source).Ref(), Account: account, Type: "ozone.server.x", Body: []byte(body)}
	e.Cursor = storage.Cursor(strconv.Itoa(len(l.events) + 1))
	l.events = append(l.events, e)
	return &unit{rows: storage.Unit{Events: []storage.EventRow{e}}}
}

// hide hides the last events.
func (l *eventLog) hide(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hidden = n
}

func (l *eventLog) Events(ctx context.Context, account schemas.AccountID, after storage.Cursor, limit int) (storage.EventPage, error) {
	return l.EventsOfAll(ctx, []schemas.AccountID{account}, after, limit)
}

func (l *eventLog) EventsOfAll(_ context.Context, accounts []schemas.AccountID, after storage.Cursor, limit int) (storage.EventPage, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.looks++
	page := storage.EventPage{Next: after}
	for i := number(after); i < len(l.events)-l.hidden && !page.More; i++ {
		if slices.Contains(accounts, l.events[i].Account) {
			page.Events = append(page.Events, l.events[i])
			page.Next, page.More = l.events[i].Cursor, len(page.Events) == limit
		}
	}
	return page, nil
}

func (l *eventLog) EventsEnd(context.Context) (storage.Cursor, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return storage.Cursor(strconv.Itoa(len(l.events) - l.hidden)), nil
}

func (l *eventLog) Behind(a, b storage.Cursor) bool { return number(a) > number(b) }

func number(c storage.Cursor) int {
	n, _ := strconv.Atoi(string(c)) // "" is 0
	return n
}

func (l *eventLog) SentEvents(_ context.Context, a schemas.AccountID) (storage.Cursor, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sent[a], nil
}

func (l *eventLog) SaveSentEvents(_ context.Context, upTo map[schemas.AccountID]storage.Cursor) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.Copy(l.sent, upTo)
	return nil
}

func (l *eventLog) looked() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.looks
}

// kept is how far an account's events are sent.
func (l *eventLog) kept(a schemas.AccountID) storage.Cursor {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sent[a]
}

func (l *eventLog) BusUsers(context.Context) ([]storage.BusUser, error) { return l.users, nil }

// posted keeps what was sent, with how long after the beginning.
type postedBus struct {
	bus.Tenants // nothing else is called

	began time.Time

	mu      sync.Mutex
	sent    []string                 // guarded by mu; ids
	at      map[string]time.Duration // guarded by mu
	silent  bool                     // guarded by mu; it vouches for nothing by itself
	pending []chan error             // guarded by mu; the words that it owes
}

func (b *postedBus) Post(_ context.Context, posts ...bus.Post) bus.Vouch {
	b.mu.Lock()
	defer b.mu.Unlock()
	word := make(chan error, 1)
	if b.silent && len(posts) > 0 {
		b.pending = append(b.pending, word)
	} else {
		word <- nil
	}
	for _, p := range posts {
		b.sent = append(b.sent, p.ID)
		b.at[p.ID] = time.Since(b.began)
	}
	return word
}

// vouch says the first words that it owes.
func (b *postedBus) vouch(words ...error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, err := range words {
		b.pending[i] <- err
	}
	b.pending = b.pending[len(words):]
}

func (b *postedBus) owes() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.pending)
}

// took is when an event was sent first, after the beginning.
func (b *postedBus) took(id string) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.at[id]
}

func (b *postedBus) ids() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return fmt.Sprint(b.sent)
}

// Of the tests: two accounts with users, and one without.
const (
	alice, bob, nobody = schemas.AccountID(1001), schemas.AccountID(1002), schemas.AccountID(1003)
)

// publishing runs a publisher of the tenants' events in a bubble until the test is over.
func publishing(t *testing.T, test func(p *publisher, log *eventLog, out *postedBus)) {
	t.Helper()
	publishingTo(t, bus.TopicEvents, test)
}

func publishingTo(t *testing.T, topic string, test func(p *publisher, log *eventLog, out *postedBus)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		log := &eventLog{sent: map[schemas.AccountID]storage.Cursor{alice: "0"}, users: []storage.BusUser{{Name: "a", Account: alice}, {Name: "b", Account: bob}}}
		out := &postedBus{began: time.Now(), at: map[string]time.Duration{}}
		e := &Engine{cfg: Config{Now: time.Now, Log: slog.New(slog.DiscardHandler), Bus: inproc.New(inproc.Config{})}}
		for n := range e.here {
			e.here[n].Store(true)
		}
		p := newPublisher(e, Publishing{Bus: out, Topic: topic, Store: log})
		ctx, stop := context.WithCancel(t.Context())
		e.wg.Go(func() { p.run(ctx) })
		defer e.wg.Wait()
		defer stop()
		time.Sleep(10 * time.Millisecond) // it follows
		test(p, log, out)
	})
}

func event(id string) string { return `{"id":"` + id + `"}` }

func TestAnEventThatAnOlderTransactionHidesComesSoonAfterIt(t *testing.T) {
	t.Parallel()
	publishing(t, func(p *publisher, log *eventLog, out *postedBus) {
		committed := time.Since(out.began)
		first, second := log.commit(alice, 1, event("seen")), log.commit(alice, 2, event("hidden"))
		log.hide(1)
		p.committed([]*unit{first, second})
		time.Sleep(40 * time.Millisecond)
		if got := out.ids(); got != "[seen]" {
			t.Fatalf("sent %s, want the one that is shown", got)
		}
		log.hide(0)
		time.Sleep(time.Second)
		if got := out.ids(); got != "[seen hidden]" {
			t.Fatalf("sent %s, want both", got)
		}
		if took := out.took("seen") - committed; took > 10*time.Millisecond {
			t.Errorf("an event is sent %v after its commit", took)
		}
		if took := out.took("hidden") - committed; took > 100*time.Millisecond {
			t.Errorf("an event that was hidden for 40 ms is sent %v after its commit", took)
		}
		before := log.looked()
		time.Sleep(time.Minute)
		if looks := log.looked() - before; looks > 40 {
			t.Errorf("%d looks in a minute in which nothing happens", looks)
		}
	})
}

func TestAnEventThatCannotBeSentHoldsNothingUp(t *testing.T) {
	t.Parallel()
	publishing(t, func(p *publisher, log *eventLog, out *postedBus) {
		p.committed([]*unit{log.commit(alice, 1, event("before")), log.commit(alice, 7, "not JSON"), log.commit(alice, 1, event("after"))})
		time.Sleep(time.Second)
		own, ok := p.engine.cfg.Bus.(*inproc.Bus)
		if !ok {
			t.Fatal("the engine is on another bus")
		}
		dead := own.Dead()
		if got := out.ids(); got != "[before after]" || len(dead) != 1 || dead[0].ID != "server-7-0" || p.engine.stats.dead.Load() != 1 {
			t.Errorf("sent %s, dead letters %+v, want the one that cannot be read there", got, dead)
		}
	})
}

func TestEventsOfAnAccountThatIsFollowedLateComeOnceAndInOrder(t *testing.T) {
	t.Parallel()
	publishing(t, func(p *publisher, log *eventLog, out *postedBus) {
		for n := range 3 * publishPage { // alice was left at the begin
			log.commit(alice, 1, event(fmt.Sprint("a", n)))
			log.commit(bob, 2, event(fmt.Sprint("b", n)))
			log.commit(nobody, 3, event("nobody's"))
		}
		log.mu.Lock()
		log.sent[bob] = "100" // an owner before has kept less than it has sent
		log.mu.Unlock()
		p.engine.here[schemas.ShardOf(bob)].Store(false)
		time.Sleep(3 * followEvery)
		before := log.kept(bob)
		p.engine.here[schemas.ShardOf(bob)].Store(true)
		time.Sleep(3 * followEvery)
		next := map[byte]int{'a': 0, 'b': 0}
		out.mu.Lock()
		defer out.mu.Unlock()
		for i, id := range out.sent {
			kind := id[0]
			if kind == 'b' && next[kind] == 0 {
				next[kind], _ = strconv.Atoi(id[1:])
			}
			if id != fmt.Sprintf("%c%d", kind, next[kind]) {
				t.Fatalf("number %d is %s, want %c%d", i, id, kind, next[kind])
			}
			next[kind]++
		}
		if next['a'] != 3*publishPage || next['b'] != 3*publishPage {
			t.Errorf("sent up to %v, want %d of both; bob was left at %s", next, 3*publishPage, before)
		}
		if a, b := log.kept(alice), log.kept(bob); number(a) != len(log.events)-2 || number(b) != len(log.events)-1 {
			t.Errorf("kept %s and %s of %d", a, b, len(log.events))
		}
	})
}

func TestOperatorsGetTheEventsOfHostsFromTheFirstOn(t *testing.T) {
	t.Parallel()
	publishingTo(t, bus.TopicOps, func(p *publisher, log *eventLog, out *postedBus) {
		own := &p.engine.here[schemas.ShardOf(noAccount)]
		own.Store(false)
		time.Sleep(3 * followEvery)
		log.mu.Lock()
		delete(log.sent, noAccount) // nobody has ever sent any
		log.mu.Unlock()
		p.committed([]*unit{log.commit(noAccount, 7, event("host-7-1")), log.commit(alice, 1, event("alice's"))})
		time.Sleep(3 * followEvery)
		if got := out.ids(); got != "[]" {
			t.Errorf("sent %s by who does not own the shard", got)
		}
		own.Store(true)
		time.Sleep(3 * followEvery)
		p.committed([]*unit{log.commit(noAccount, 7, event("host-7-2"))})
		time.Sleep(2 * lookAfter)
		if got := out.ids(); got != "[host-7-1 host-7-2]" {
			t.Errorf("sent %s, want the events of the host", got)
		}
		time.Sleep(followEvery)
		if got := log.kept(noAccount); got != "3" {
			t.Errorf("kept that all up to %s is sent, want 3", got)
		}
	})
}

func TestEventsGoOutBeforeTheBusVouchesForEarlierOnes(t *testing.T) {
	t.Parallel()
	publishing(t, func(p *publisher, log *eventLog, out *postedBus) {
		out.mu.Lock()
		out.silent = true
		out.mu.Unlock()
		for n := range mostFlights + 1 {
			p.committed([]*unit{log.commit(alice, 1, event(fmt.Sprint(n)))})
			time.Sleep(2 * lookAfter)
		}
		if got, owed := out.ids(), out.owes(); owed != mostFlights {
			t.Fatalf("%d pages %s are under way, want %d", owed, got, mostFlights)
		}
		out.vouch(nil, bus.ErrClosed) // 0 is safe; 1 and what went behind it are not
		time.Sleep(2 * followEvery)
		// 2 goes as soon as 0 is safe.
		if got, want := out.ids(), "[0 1 2 1 2]"; got != want {
			t.Errorf("sent %s, want %s", got, want)
		}
		if got := log.kept(alice); got != "1" {
			t.Errorf("kept that all up to %s is sent, want 1", got)
		}
	})
}
