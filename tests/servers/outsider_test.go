package servers_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/ozonecloud/ozone/tests/wire"
)

// outsider is a tenant's program that knows AMQP and docs/bus.md, and nothing of Ozone's packages.
type outsider struct {
	t    *testing.T
	url  string
	user string

	conn *amqp091.Connection
	ch   *amqp091.Channel

	mu      sync.Mutex
	answers map[string][]verdict // guarded by mu; by correlation id
	came    chan struct{}        // holds one word: an answer came
}

// verdict is an answer: one of command.accepted and command.rejected.
type verdict struct {
	kind, trace, text string

	Operation string
	Target    struct {
		Kind string
		ID   int64
	}
	Representation json.RawMessage
	Fault, Message string
	RetryAfter     int64 `json:"retry_after"`
}

// newOutsider makes a user of an account and connects.
func (s *servers) newOutsider(t *testing.T, account, name string) *outsider {
	t.Helper()
	o := &outsider{t: t, user: name, answers: map[string][]verdict{}, came: make(chan struct{}, 1)}
	for line := range strings.Lines(s.command(t, "bus", "user", "create", account, name)) {
		if where, ok := strings.CutPrefix(line, "url "); ok {
			o.url = strings.TrimSpace(where)
		}
	}
	o.connect(t.Context())
	t.Cleanup(func() { _ = o.conn.Close() })
	return o
}

// connect dials until the broker answers, and reads answers from then on.
func (o *outsider) connect(ctx context.Context) {
	o.t.Helper()
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		err := o.open()
		if err == nil {
			return
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			o.t.Fatalf("connect: %v", err)
		}
	}
}

func (o *outsider) open() (err error) {
	if o.conn, err = amqp091.Dial(o.url); err != nil {
		return err
	}
	if o.ch, err = o.conn.Channel(); err != nil {
		return err
	}
	if err = o.ch.Confirm(false); err != nil {
		return err
	}
	in, err := o.ch.Consume("replies."+o.user, "", false, false, false, false, nil)
	if err != nil {
		return err
	}
	go func() { // ends with the connection
		for d := range in {
			v := verdict{kind: d.Type, text: string(d.Body)}
			v.trace, _ = d.Headers["traceparent"].(string)
			if err := json.Unmarshal(d.Body, &v); err != nil || d.ContentType != "application/json" {
				o.t.Errorf("answer %q of %q: %v", d.Body, d.ContentType, err)
			}
			wire.Check(o.t, d.Type, d.Body)
			o.mu.Lock()
			o.answers[d.CorrelationId] = append(o.answers[d.CorrelationId], v)
			o.mu.Unlock()
			_ = d.Ack(false) // else it comes again
			select {
			case o.came <- struct{}{}:
			default:
			}
		}
	}()
	return nil
}

// command is a message as a program makes it.
func (o *outsider) command(kind, id, body string) amqp091.Publishing {
	return amqp091.Publishing{
		DeliveryMode: amqp091.Persistent, MessageId: id, UserId: o.user, Type: kind, ContentType: "application/json", Body: []byte(body),
	}
}

// publish sends and waits for the broker's confirm; false: the broker did not take it.
func (o *outsider) publish(p amqp091.Publishing) bool {
	sent, err := o.ch.PublishWithDeferredConfirm("ingress."+o.user, "", true, false, p)
	if err != nil {
		return false
	}
	<-sent.Done()
	return sent.Acked()
}

// await is the n-th answer with a correlation id.
func (o *outsider) await(id string, n int) verdict {
	o.t.Helper()
	v, err := o.within(time.Minute, id, n)
	if err != nil {
		o.t.Fatal(err)
	}
	return v
}

func (o *outsider) within(patience time.Duration, id string, n int) (verdict, error) {
	end := time.NewTimer(patience)
	defer end.Stop()
	for {
		o.mu.Lock()
		got := o.answers[id]
		o.mu.Unlock()
		if len(got) >= n {
			return got[n-1], nil
		}
		select {
		case <-o.came:
		case <-end.C:
			return verdict{}, fmt.Errorf("%d answers to %q after %v, want %d", len(got), id, patience, n)
		}
	}
}

// answersOf are the answers to correlation ids that begin so, as they came.
func (o *outsider) answersOf(prefix string) map[string]string {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := map[string]string{}
	for id, answers := range o.answers {
		for _, v := range answers {
			if strings.HasPrefix(id, prefix) {
				all[id] += v.text
			}
		}
	}
	return all
}

// ask sends a command and waits for its first answer.
func (o *outsider) ask(kind, id, body string, change ...func(*amqp091.Publishing)) verdict {
	o.t.Helper()
	p := o.command(kind, id, body)
	for _, c := range change {
		c(&p)
	}
	if !o.publish(p) {
		o.t.Fatalf("%s %q: the broker did not take it", kind, id)
	}
	if p.CorrelationId != "" {
		id = p.CorrelationId
	}
	return o.await(id, 1)
}

// accepted is ask for what must be accepted, since it is as its schema says.
func (o *outsider) accepted(kind, id, body string, change ...func(*amqp091.Publishing)) verdict {
	o.t.Helper()
	wire.Check(o.t, kind, []byte(body))
	v := o.ask(kind, id, body, change...)
	if v.kind != "command.accepted" || v.Operation == "" || v.Target.ID == 0 {
		o.t.Fatalf("%s %s = %+v, want it accepted", kind, body, v)
	}
	return v
}

// next takes the next message of a queue, for which it waits.
func (o *outsider) next(queue string) (amqp091.Delivery, error) {
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for range 1500 {
		m, there, err := o.ch.Get(queue, true)
		if there && strings.HasPrefix(queue, "events.") {
			wire.CheckEvent(o.t, m.Body)
		}
		if there || err != nil {
			return m, err
		}
		<-again.C
	}
	return amqp091.Delivery{}, fmt.Errorf("nothing comes in %s", queue)
}

// raw runs do on a channel of its own and returns the error with which the broker closed it.
func (o *outsider) raw(do func(*amqp091.Channel) error) error {
	conn, err := amqp091.Dial(o.url)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	closed := ch.NotifyClose(make(chan *amqp091.Error, 1))
	if err = do(ch); err == nil {
		err = ch.Confirm(false) // whatever the broker has against it comes before the answer to this
	}
	if !errors.Is(err, amqp091.ErrClosed) {
		return err
	}
	if why := <-closed; why != nil {
		return why
	}
	return err
}

// refused fails the test when the broker let it pass.
func refused(t *testing.T, what string, err error) {
	t.Helper()
	var why *amqp091.Error
	if !errors.As(err, &why) || why.Code != amqp091.AccessRefused && why.Code != amqp091.PreconditionFailed {
		t.Errorf("%s = %v, want it refused", what, err)
	}
}
