package servers_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/rabbitmq/amqp091-go"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/bus/amqp"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/tests/node"
	"github.com/ozonecloud/ozone/tests/nodetest"
)

// TestACommandThatEndsEveryProcessIsGivenUp has a planted defect: who decides on a create with a certain name exits.
func TestACommandThatEndsEveryProcessIsGivenUp(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds the binary anew")
	}
	s := newServers(t)
	cfg := s.config(t)
	cfg.Env = append(cfg.Env, "OZONE_PLANT=poison")
	var err error
	if cfg.Binary, err = node.Build(t.Context(), t.TempDir(), "planted"); err != nil {
		t.Fatal(err)
	}
	n, err := node.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = n.Stop() }()
	c := nodetest.Client(t, n, "tenant")
	p := newProducer(t, s.bus)
	number, err := strconv.ParseInt(c.Account(), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	account := schemas.AccountID(number)
	before, poison, after := p.create(t, account, "before"), p.create(t, account, "poison"), p.create(t, account, "after")
	deaths := p.survive(t, n)
	if deaths != 8 {
		t.Errorf("the process ended %d times, want 5 until the command is a suspect and 3 tries", deaths)
	}
	for _, id := range []schemas.OperationID{before, after} {
		if a := p.answers[id]; a.Fault != nil {
			t.Errorf("answer to another command = %v", a.Fault)
		}
	}
	if a := p.answers[poison]; a.Fault == nil || !strings.Contains(a.Fault.Message, "given up") {
		t.Errorf("answer to the command = %+v, want a fault that says that it was given up", a)
	}
	o, err := c.Await(t.Context(), string(poison))
	if err != nil || o.State != "rejected" || o.Error == nil || !strings.Contains(o.Error.Message, "given up") {
		t.Errorf("operation = %+v, %v, want it rejected with the reason", o, err)
	}
	for _, id := range []schemas.OperationID{before, after} {
		if o, err := c.Await(t.Context(), string(id)); err != nil || o.State != "succeeded" {
			t.Errorf("operation = %+v, %v, want it succeeded", o, err)
		}
	}
	if d := p.dead(t); d.MessageId != string(poison) {
		t.Errorf("dead letter %q, want %q", d.MessageId, poison)
	}
	nodetest.Audit(t, n)
}

// producer writes to shards as an edge does; its commands outlive the ends of processes.
type producer struct {
	url     string
	bus     *amqp.Bus
	replies bus.Consumer
	sent    int
	answers map[schemas.OperationID]schemas.Answer
}

var producerQueue = bus.ReplyQueue("producer")

func newProducer(t *testing.T, url string) *producer {
	t.Helper()
	b, err := amqp.Open(t.Context(), amqp.Config{URL: url, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	if err := b.Declare(t.Context(), producerQueue); err != nil {
		t.Fatal(err)
	}
	replies, err := b.Consume(t.Context(), producerQueue, 10)
	if err != nil {
		t.Fatal(err)
	}
	return &producer{url: url, bus: b, replies: replies, answers: map[schemas.OperationID]schemas.Answer{}}
}

func (p *producer) create(t *testing.T, account schemas.AccountID, name string) schemas.OperationID {
	t.Helper()
	id := schemas.OperationID(uuid.Must(uuid.NewV7()).String())
	body, err := json.Marshal(schemas.Command{
		V: schemas.MessageV, ID: id, Action: schemas.ServerCreate, Account: account, Params: schemas.Params{Name: &name, Image: 1, Flavor: 1},
		Created: time.Now(), Expires: time.Now().Add(time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	m := bus.Message{ID: string(id), Type: schemas.TypeCommand, ReplyTo: producerQueue, Body: body}
	if err := bus.Send(t.Context(), p.bus, bus.ShardQueue(schemas.ShardOf(account)), m); err != nil {
		t.Fatal(err)
	}
	p.sent++
	return id
}

// survive starts the node anew whenever it ends, until every command is answered, and counts the ends.
func (p *producer) survive(t *testing.T, n *node.Node) (deaths int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	for len(p.answers) < p.sent {
		select {
		case <-n.Ended():
			deaths++
			if err := n.Launch(); err != nil {
				t.Fatal(err)
			}
		case d := <-p.replies.Deliveries():
			var a schemas.Answer
			if err := json.Unmarshal(d.Body, &a); err != nil {
				t.Fatal(err)
			}
			p.answers[schemas.OperationID(d.CorrelationID)] = a
			p.replies.Ack(d.Tag)
		case <-ctx.Done():
			t.Fatalf("%d of %d commands were answered after %d ends", len(p.answers), p.sent, deaths)
		}
	}
	if err := n.AwaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	return deaths
}

// dead takes the next dead letter.
func (p *producer) dead(t *testing.T) amqp091.Delivery {
	t.Helper()
	conn, err := amqp091.Dial(p.url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for range 200 { // it is written behind the answer
		d, ok, err := ch.Get("ozone.dead", true)
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			return d
		}
		<-again.C
	}
	t.Fatal("no dead letter")
	return amqp091.Delivery{}
}
