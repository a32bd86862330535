package kills

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/ozonecloud/ozone/tests/wire"
)

// subscriber rebuilds what an account has from its events alone. It dies again and again, forgets what it has not kept, and
// goes on from there.
type subscriber struct {
	name   string
	tenant *tenant
	live   func(*subscriber, context.Context) error
	random *rand.Rand

	mu    sync.Mutex
	now   known             // guarded by mu
	kept  known             // what outlives it; as all below run's alone, until it has ended
	seen  map[string]uint64 // what the test knows of each event: a hash of its bytes
	lives int
	again int // events that came again
	wrong []string
}

// known is what a subscriber knows.
type known struct {
	at      string                     // cursor, of one that reads over HTTP
	last    map[string]int64           // number of the last event, by source
	objects map[string]json.RawMessage // by source
}

func (k known) clone() known { return known{k.at, maps.Clone(k.last), maps.Clone(k.objects)} }

var seed = maphash.MakeSeed()

// subscribe starts the subscribers of the first two accounts: at most two of each, one over HTTP and one over the bus. All
// begin before the first command.
func (r *run) subscribe(ctx context.Context) error {
	for i, t := range r.tenants[:min(2, len(r.tenants))] {
		reply, err := t.pick().Ozone(ctx, http.MethodGet, "/snapshot", nil)
		if err != nil {
			return err
		}
		var begin struct{ Cursor string }
		if err := reply.Decode("snapshot", &begin); err != nil {
			return err
		}
		by := map[string]func(*subscriber, context.Context) error{"pages": (*subscriber).readPages}
		if i == 1 {
			by = map[string]func(*subscriber, context.Context) error{"stream": (*subscriber).readStream}
		}
		if t.program != nil {
			by["queue"] = (*subscriber).readQueue
		}
		for how, live := range by {
			k := known{begin.Cursor, map[string]int64{}, map[string]json.RawMessage{}}
			r.subscribers = append(r.subscribers, &subscriber{
				name: fmt.Sprintf("subscriber of account %d by %s", t.account.ID, how), tenant: t, live: live, now: k, kept: k.clone(), seen: map[string]uint64{},
				random: rand.New(rand.NewPCG(r.cfg.Seed, uint64(len(how)+i))), //nolint:gosec // repeatable on purpose
			})
		}
	}
	return nil
}

// The life of a subscriber.
const (
	lifeLeast = 200 * time.Millisecond
	lifeMore  = 4 * time.Second
)

// run lives until ctx ends.
func (s *subscriber) run(ctx context.Context) {
	for ctx.Err() == nil {
		life, end := context.WithTimeout(ctx, lifeLeast+time.Duration(s.random.Int64N(int64(lifeMore))))
		if err := s.live(s, life); err != nil {
			s.wrong = append(s.wrong, err.Error())
		}
		if life.Err() != nil { // else the cloud had died
			s.lives++
		}
		end()
		s.mu.Lock()
		s.now = s.kept.clone()
		s.mu.Unlock()
		pause(ctx, 20*time.Millisecond)
	}
}

// take takes an event. Its number must be the next of its source, or it comes again as it was.
func (s *subscriber) take(body []byte) error {
	var e struct {
		ID, PartitionKey, Sequence string
		Data                       map[string]json.RawMessage
	}
	if err := json.Unmarshal(body, &e); err != nil {
		return fmt.Errorf("event %s: %w", body, err)
	}
	if err := wire.Event(body); err != nil {
		return err
	}
	n, err := strconv.ParseInt(e.Sequence, 10, 64)
	if err != nil {
		return fmt.Errorf("event %s: %w", body, err)
	}
	hash := maphash.Bytes(seed, body)
	if before, known := s.seen[e.ID]; known && before != hash {
		return fmt.Errorf("event %s came again as %s", e.ID, body)
	}
	s.seen[e.ID] = hash
	s.mu.Lock()
	defer s.mu.Unlock()
	last := s.now.last[e.PartitionKey]
	switch {
	case n <= last:
		s.again++
		return nil
	case n > last+1:
		return fmt.Errorf("event %s comes behind number %d", e.ID, last)
	}
	kind, _, _ := strings.Cut(e.PartitionKey, "-")
	s.now.last[e.PartitionKey], s.now.objects[e.PartitionKey] = n, e.Data[kind]
	if string(e.Data[kind]) == "null" {
		delete(s.now.objects, e.PartitionKey)
	}
	return nil
}

// keep keeps what it knows, sometimes.
func (s *subscriber) keep(oneOf int) bool {
	if s.random.IntN(oneOf) > 0 {
		return false
	}
	s.kept = s.now.clone()
	return true
}

func (s *subscriber) move(at string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now.at = at
}

// readQueue acknowledges what it has kept. The broker may be away.
func (s *subscriber) readQueue(ctx context.Context) error {
	conn, err := amqp091.Dial(s.tenant.program.url)
	if err != nil {
		return nil // it was killed
	}
	defer func() { _ = conn.Close() }() // it may be gone
	ch, err := conn.Channel()
	if err == nil {
		err = ch.Qos(100, 0, false)
	}
	if err != nil {
		return nil // it was killed
	}
	events, err := ch.Consume("events."+s.tenant.program.user, "", false, false, false, false, nil)
	if err != nil {
		return nil // it was killed
	}
	for {
		select {
		case e, open := <-events:
			if !open {
				return nil
			}
			if err := s.take(e.Body); err != nil {
				return err
			}
			if s.keep(20) {
				_ = e.Ack(true) // else they come again
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// readPages reads from cursor to cursor. The edge may be away.
func (s *subscriber) readPages(ctx context.Context) error {
	for ctx.Err() == nil {
		reply, err := s.tenant.pick().Ozone(ctx, http.MethodGet, "/events?limit=100&after="+url.QueryEscape(s.now.at), nil)
		switch {
		case err != nil || reply.Status == http.StatusServiceUnavailable:
			return nil //nolint:nilerr // it was killed, or its servers
		case reply.Status != http.StatusOK:
			return fmt.Errorf("events: %d %s", reply.Status, reply.Body)
		}
		var page struct {
			Events []json.RawMessage
			Next   string
			More   bool
		}
		if err := json.Unmarshal(reply.Body, &page); err != nil {
			return fmt.Errorf("events: %s: %w", reply.Body, err)
		}
		for _, e := range page.Events {
			if err := s.take(e); err != nil {
				return err
			}
		}
		s.move(page.Next)
		s.keep(2)
		if !page.More {
			pause(ctx, 100*time.Millisecond)
		}
	}
	return nil
}

// readStream follows server-sent events behind its cursor. The edge may be away.
func (s *subscriber) readStream(ctx context.Context) error {
	i := s.random.IntN(len(s.tenant.edges))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.tenant.urls[i]+fmt.Sprintf("/ozone/v1/%d/events", s.tenant.account.ID), nil)
	if err != nil {
		return err
	}
	request.Header.Set("Accept", "text/event-stream")
	request.Header.Set("X-Auth-Token", s.tenant.edges[i].Token())
	request.Header.Set("Last-Event-ID", s.now.at)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil // it was killed
	}
	defer func() { _ = answer.Body.Close() }() // only read
	if answer.StatusCode == http.StatusGone {
		return fmt.Errorf("the cursor %s is gone", s.now.at)
	}
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 1<<20)
	for id := ""; lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch {
		case name == "id":
			id = value
		case name == "event": // resync: it goes on from its cursor
			return nil
		case name == "data":
			if err := s.take([]byte(value)); err != nil {
				return err
			}
		case name == "" && id != "":
			s.move(id)
			s.keep(20)
		}
	}
	return nil
}

// judgeSubscribers waits until every subscriber has what the cloud shows; then they end.
func (r *run) judgeSubscribers(ctx context.Context, end func()) error {
	began := time.Now()
	for _, s := range r.subscribers {
		for {
			differs, err := s.differs(ctx)
			if err != nil {
				return err
			}
			if differs == "" {
				break
			}
			if time.Since(began) > r.cfg.Quiet {
				r.report.Blind++
				r.report.broken("%s: %s", s.name, differs)
				break
			}
			pause(ctx, 50*time.Millisecond)
		}
	}
	end()
	for _, s := range r.subscribers {
		r.report.Followed = append(r.report.Followed, len(s.seen))
		r.report.Lives += s.lives
		r.report.Again += s.again
		for _, what := range s.wrong {
			r.report.Blind++
			r.report.broken("%s: %s", s.name, what)
		}
	}
	return nil
}

// differs is the first thing that the subscriber knows and the cloud does not show, or the reverse; "": there is none.
func (s *subscriber) differs(ctx context.Context) (string, error) {
	reply, err := s.tenant.pick().Ozone(ctx, http.MethodGet, "/snapshot", nil)
	if err != nil {
		return "", err
	}
	if err := reply.Error(); err != nil {
		return "", err
	}
	var shown struct {
		Servers, Images []json.RawMessage
		Groups          []json.RawMessage `json:"shared_ip_groups"`
	}
	if err := reply.Decode("snapshot", &shown); err != nil {
		return "", err
	}
	want := map[string]any{}
	for kind, list := range map[string][]json.RawMessage{"server": shown.Servers, "image": shown.Images, "shared_ip_group": shown.Groups} {
		for _, text := range list {
			var object map[string]any
			if err := json.Unmarshal(text, &object); err != nil {
				return "", err
			}
			if kind == "image" && object["serverId"] == nil {
				continue // a base image is everybody's and has no events
			}
			want[fmt.Sprintf("%s-%.0f", kind, object["id"])] = object
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for source, text := range s.now.objects {
		var object any
		if err := json.Unmarshal(text, &object); err != nil {
			return "", err
		}
		if !reflect.DeepEqual(object, want[source]) {
			return fmt.Sprintf("it knows %s, the cloud shows %v", text, want[source]), nil
		}
		delete(want, source)
	}
	for source, object := range want {
		return fmt.Sprintf("it does not know %s: %v", source, object), nil
	}
	return "", nil
}
