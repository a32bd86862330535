package amqp_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/bus/amqp"
	"github.com/ozonecloud/ozone/bus/bustest"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/tests/rig"
)

// shared is a broker that no test harms; each test has a virtual host of its own.
var shared *rig.RabbitMQ

func TestMain(m *testing.M) {
	var err error
	if shared, err = rig.NewRabbitMQ(context.Background()); err != nil {
		slog.Error("no broker for the tests", "error", err)
		os.Exit(1)
	}
	code := m.Run()
	shared.Close()
	os.Exit(code)
}

func TestBus(t *testing.T) {
	t.Parallel()
	const limit = 2500
	var vhosts atomic.Int32
	var urls sync.Map // of each bus
	// An expired message still reaches a consumer that waits, and the broker ends a queue when it gets round to it.
	traits := bustest.Traits{Limit: limit, LimitSlack: 64, Durable: true, Dead: func(t *testing.T, b bus.Bus) []bus.DeadLetter {
		t.Helper()
		url, _ := urls.Load(b)
		return deadLetters(t, fmt.Sprint(url))
	}}
	bustest.Run(t, traits, func(t *testing.T) bus.Bus {
		t.Helper()
		url := shared.Vhost(t, fmt.Sprint("suite", vhosts.Add(1)))
		b := open(t, amqp.Config{URL: url, QueueLimit: limit})
		urls.Store(bus.Bus(b), url)
		return b
	})
}

// deadLetters takes them out of their queue, as an operator's tool would.
func deadLetters(t *testing.T, url string) []bus.DeadLetter {
	t.Helper()
	var list []bus.DeadLetter
	raw(t, url, func(ch *amqp091.Channel) error {
		for {
			d, ok, err := ch.Get("ozone.dead", true)
			if err != nil || !ok {
				return err
			}
			l := bus.DeadLetter{From: bus.Address(d.RoutingKey), Died: d.Timestamp, Message: bus.Message{
				ID: d.MessageId, Type: schemas.MessageType(d.Type), CorrelationID: d.CorrelationId, ReplyTo: bus.Address(d.ReplyTo), Body: d.Body,
			}}
			l.Reason, _ = d.Headers["ozone-reason"].(string)
			times, _ := d.Headers["ozone-redeliveries"].(int64)
			l.Redeliveries = int(times)
			if at, ok := d.Headers["ozone-expires"].(int64); ok {
				l.Expires = time.Unix(0, at)
			}
			list = append(list, l)
		}
	})
	return list
}

// Confirms and refusals of one lane come mixed, and "all up to here" must not turn a refusal before it into a confirm.
func TestPipelinedOutcomesAreExact(t *testing.T) {
	t.Parallel()
	const n, limit = 2000, 500
	b := open(t, amqp.Config{URL: shared.Vhost(t, "outcomes"), QueueLimit: limit})
	addresses := []bus.Address{bus.ShardQueue(1), bus.ShardQueue(2), bus.ShardQueue(3), bus.ShardQueue(4)}
	for _, a := range addresses {
		declare(t, b, a)
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	outcomes := map[string]error{}
	for i := range n {
		for _, a := range append(addresses, bus.ShardQueue(9), bus.HostQueue(9), bus.ReplyQueue("nobody")) {
			wg.Add(1)
			id := fmt.Sprintf("%s/%d", a, i)
			publish(t, b, a, id, func(err error) {
				mu.Lock()
				defer mu.Unlock()
				outcomes[id] = err
				wg.Done()
			})
		}
	}
	wg.Wait()
	delivered := map[string]bool{}
	for _, a := range addresses {
		drain(t, b, a, delivered)
	}
	for id, err := range outcomes {
		routable := !strings.Contains(id, ".009") && !strings.Contains(id, "host.9") && !strings.Contains(id, "nobody")
		switch {
		case !routable && !errors.Is(err, bus.ErrUnroutable):
			t.Fatalf("%s: outcome %v, want %v", id, err, bus.ErrUnroutable)
		case routable && (err == nil) != delivered[id]:
			t.Fatalf("%s: outcome %v, delivered %v", id, err, delivered[id])
		case routable && err != nil && !errors.Is(err, bus.ErrFull):
			t.Fatalf("%s: outcome %v, want %v", id, err, bus.ErrFull)
		}
	}
	if kept := len(delivered); kept < len(addresses)*limit || kept == len(addresses)*n {
		t.Errorf("%d of %d messages were kept, want at least %d and some refused", kept, len(addresses)*n, len(addresses)*limit)
	}
}

// drain takes everything out of a queue: a last message, sent when there is room again, marks the end.
func drain(t *testing.T, b bus.Bus, a bus.Address, into map[string]bool) {
	t.Helper()
	c, err := b.Consume(t.Context(), a, 1000)
	if err != nil {
		t.Fatalf("Consume(%s) = %v, want a consumer", a, err)
	}
	defer c.Close()
	go func() { // ends when it is in
		for errors.Is(bus.Send(t.Context(), b, a, bus.Message{ID: "last", Type: schemas.TypeCommand}), bus.ErrFull) {
		}
	}()
	for d := range c.Deliveries() {
		c.Ack(d.Tag)
		if d.ID == "last" {
			return
		}
		into[d.ID] = true
	}
	t.Fatalf("%s: the deliveries ended, want all messages", a)
}

func TestDeletedQueueEndsItsConsumer(t *testing.T) {
	t.Parallel()
	url := shared.Vhost(t, "deleted")
	b := open(t, amqp.Config{URL: url})
	a := bus.ShardQueue(1)
	declare(t, b, a)
	c, err := b.Consume(t.Context(), a, 1)
	if err != nil {
		t.Fatalf("Consume = %v, want a consumer", err)
	}
	raw(t, url, func(ch *amqp091.Channel) error {
		_, err := ch.QueueDelete(string(a), false, false, false)
		return err
	})
	if d, open := <-c.Deliveries(); open {
		t.Errorf("got %q, want the deliveries closed", d.ID)
	}
}

func TestNamesThatAMQPCannotCarryAreRefused(t *testing.T) {
	t.Parallel()
	b := open(t, amqp.Config{URL: shared.Vhost(t, "names")})
	a := bus.ShardQueue(1)
	declare(t, b, a)
	if err := bus.Send(t.Context(), b, a, bus.Message{ID: strings.Repeat("x", 256)}); err == nil {
		t.Error("an id of 256 bytes was taken, want an error")
	}
	if err := bus.Send(t.Context(), b, a, bus.Message{ID: strings.Repeat("x", 255)}); err != nil {
		t.Errorf("an id of 255 bytes after it: %v, want nil", err)
	}
}

func TestStartSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	good := shared.Vhost(t, "start")
	foreign := shared.Vhost(t, "foreign")
	raw(t, foreign, func(ch *amqp091.Channel) error {
		return ch.ExchangeDeclare("ozone.shards", "fanout", false, false, false, false, nil)
	})
	weak := strings.Replace(good, "://ozone:", "://weak:", 1)
	user := map[string]string{"password": password(good), "tags": ""}
	rights := map[string]string{"configure": "^$", "write": ".*", "read": ".*"}
	err := shared.Admin(t.Context(), "PUT", "/api/users/weak", user)
	if err == nil {
		err = shared.Admin(t.Context(), "PUT", "/api/permissions/start/weak", rights)
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ url, want string }{
		"no URL":         {"tcp//ozone", "bus URL is not readable"},
		"bad URL":        {"amqp://ozone:" + password(good) + "@127.0.0.1:x/", "bus URL is not readable"},
		"password":       {strings.Replace(good, "@", "x@", 1), `user "ozone" at 127.0.0.1`},
		"user":           {strings.Replace(good, "://ozone", "://nobody", 1), `user "nobody" at 127.0.0.1`},
		"vhost":          {shared.URLOf("nowhere"), `virtual host "nowhere"`},
		"unreachable":    {"amqp://ozone:" + password(good) + "@127.0.0.1:1/", "no broker answers at 127.0.0.1:1"},
		"rights":         {weak, `user "weak" needs the rights`},
		"something else": {foreign, `virtual host "foreign" is used by something else`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, err := amqp.Open(t.Context(), amqp.Config{URL: c.url, Now: time.Now})
			if err == nil {
				_ = b.Close()
				t.Fatal("Open = nil, want an error")
			}
			if text := err.Error(); !strings.Contains(text, c.want) || strings.Contains(text, password(good)) {
				t.Errorf("Open = %q, want %q in it and no password", text, c.want)
			}
		})
	}
}

func TestQueueWithOtherArgumentsIsAnErrorThatSaysSo(t *testing.T) {
	t.Parallel()
	url := shared.Vhost(t, "arguments")
	declare(t, open(t, amqp.Config{URL: url, QueueLimit: 10}), bus.ShardQueue(1))
	b := open(t, amqp.Config{URL: url, QueueLimit: 20})
	err := b.Declare(t.Context(), bus.ShardQueue(1))
	if err == nil || !strings.Contains(err.Error(), "ozone.shard.001") || !strings.Contains(err.Error(), "x-max-length") {
		t.Errorf("Declare = %v, want an error with the queue and x-max-length", err)
	}
	declare(t, b, bus.ShardQueue(2)) // the refusal broke nothing
}

func open(t *testing.T, cfg amqp.Config) *amqp.Bus {
	t.Helper()
	cfg.Now = time.Now
	b, err := amqp.Open(t.Context(), cfg)
	if err != nil {
		t.Fatalf("Open = %v, want a bus", err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func declare(t *testing.T, b bus.Bus, a bus.Address) {
	t.Helper()
	if err := b.Declare(t.Context(), a); err != nil {
		t.Fatalf("Declare(%s) = %v, want nil", a, err)
	}
}

func publish(t *testing.T, b bus.Bus, a bus.Address, id string, confirmed func(error)) {
	t.Helper()
	if err := b.Publish(t.Context(), a, bus.Message{ID: id, Type: schemas.TypeCommand, Body: []byte(`{}`)}, confirmed); err != nil {
		t.Fatalf("Publish = %v, want nil", err)
	}
}

// raw does what only somebody else would do to the broker.
func raw(t *testing.T, url string, do func(*amqp091.Channel) error) {
	t.Helper()
	conn, err := amqp091.Dial(url)
	if err != nil {
		t.Fatalf("Dial = %v, want nil", err)
	}
	defer func() { _ = conn.Close() }()
	ch, err := conn.Channel()
	if err == nil {
		err = do(ch)
	}
	if err != nil {
		t.Fatalf("raw AMQP: %v", err)
	}
}

func password(url string) string {
	_, after, _ := strings.Cut(url, "ozone:")
	before, _, _ := strings.Cut(after, "@")
	return before
}

func number(id string) int {
	n, _ := strconv.Atoi(id) // ids of the tests are numbers
	return n
}

func TestTheCloudsClockIsNotTheSockets(t *testing.T) {
	t.Parallel()
	past := func() time.Time { return time.Now().Add(-time.Hour) }
	b := open(t, amqp.Config{URL: shared.Vhost(t, "past"), Now: past})
	declare(t, b, bus.ShardQueue(1))
	if err := bus.Send(t.Context(), b, bus.ShardQueue(1), bus.Message{ID: "1", Type: schemas.TypeCommand}); err != nil {
		t.Errorf("Send() on a clock that is behind = %v, want nil", err)
	}
}
