package kills

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/ozonecloud/ozone/tests/wire"
)

// programPatience bounds the wait for an answer over the bus: a command outlives the deaths of nodes and of the broker.
const programPatience = time.Minute

// program is a tenant's client on the bus. It connects anew whenever the broker has gone.
type program struct {
	url, user string

	mu    sync.Mutex
	conn  *amqp091.Connection // guarded by mu; nil: not connected
	ch    *amqp091.Channel    // guarded by mu; its messages are in one order
	sent  map[string]*sending // guarded by mu; by correlation id
	count int                 // guarded by mu
}

// sending is a message of a command. Each answer to it is noted, also one that comes again.
type sending struct {
	command *command
	at      time.Time
	answer  chan answer // holds the first one
}

func newProgram(url, user string) *program {
	return &program{url: url, user: user, sent: map[string]*sending{}}
}

// send sends a command and notes its answers; status 0: none came, or nobody knows whether it was sent.
func (p *program) send(ctx context.Context, c *command) answer {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), programPatience)
	defer cancel()
	s := &sending{command: c, at: time.Now(), answer: make(chan answer, 1)}
	if err := p.publish(ctx, s); err == nil {
		select {
		case a := <-s.answer:
			return a
		case <-ctx.Done():
		}
	}
	a := answer{bus: true, sent: s.at, came: time.Now()}
	c.note(a)
	return a
}

// publish returns when the broker has the message.
func (p *program) publish(ctx context.Context, s *sending) error {
	kind, body := s.command.message()
	if err := wire.Validate(kind, body); err != nil {
		return err
	}
	p.mu.Lock()
	p.count++
	id := fmt.Sprint("answer-", p.count)
	p.sent[id] = s
	p.mu.Unlock()
	for ctx.Err() == nil {
		confirm, err := p.write(amqp091.Publishing{
			UserId: p.user, MessageId: s.command.key, CorrelationId: id, Type: kind, ContentType: "application/json",
			DeliveryMode: amqp091.Persistent, Body: body,
		})
		if err == nil {
			if acked, err := confirm.WaitContext(ctx); err == nil && acked {
				return nil
			}
		}
		pause(ctx, 50*time.Millisecond) // the same message again: the key makes it one command
	}
	return ctx.Err()
}

func (p *program) write(m amqp091.Publishing) (*amqp091.DeferredConfirmation, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.conn == nil || p.conn.IsClosed() || p.ch.IsClosed() {
		if err := p.connect(); err != nil {
			return nil, err
		}
	}
	return p.ch.PublishWithDeferredConfirm("ingress."+p.user, "", true, false, m)
}

// connect needs p.mu.
func (p *program) connect() error {
	p.drop()
	conn, err := amqp091.Dial(p.url)
	if err != nil {
		return err
	}
	p.conn = conn
	if p.ch, err = conn.Channel(); err != nil {
		return err
	}
	if err := p.ch.Confirm(false); err != nil {
		return err
	}
	answers, err := p.ch.Consume("replies."+p.user, "", false, false, false, false, nil)
	if err != nil {
		return err
	}
	go func() { // ends with the connection
		for d := range answers {
			p.heard(&d)
			_ = d.Ack(false) // else it comes again
		}
	}()
	return nil
}

// heard notes an answer.
func (p *program) heard(d *amqp091.Delivery) {
	p.mu.Lock()
	s := p.sent[d.CorrelationId]
	p.mu.Unlock()
	if s == nil {
		return // of another process of the program
	}
	a := answer{bus: true, sent: s.at, came: time.Now()}
	var body struct {
		Operation      string
		Target         struct{ ID int64 }
		Fault, Message string
	}
	if json.Unmarshal(d.Body, &body) != nil || wire.Validate(d.Type, d.Body) != nil {
		a.status = 500
	} else if a.status = statusOf(d.Type, body.Fault); a.status/100 == 2 {
		a.operation = body.Operation
		s.command.made(body.Target.ID)
	}
	a.full = body.Fault == "serverCapacityUnavailable"
	s.command.note(a)
	select {
	case s.answer <- a:
	default: // it came again
	}
}

// statusOf is what HTTP would have said.
func statusOf(kind, fault string) int {
	if kind == "command.accepted" {
		return 202
	}
	known := map[string]int{
		"badRequest": 400, "itemNotFound": 404, "buildInProgress": 409,
		"resizeNotAllowed": 403, "overLimit": 413, "serviceUnavailable": 503, "serverCapacityUnavailable": 503,
	}
	if status, ok := known[fault]; ok {
		return status
	}
	return 409 // a conflict has many names
}

// message is a command as it goes over the bus: what its request's body has, without the envelope.
func (c *command) message() (kind string, body []byte) {
	target := ""
	if parts := strings.Split(c.path, "/"); len(parts) > 2 {
		target = parts[2]
	}
	params := json.RawMessage("null")
	var envelope map[string]json.RawMessage
	if json.Unmarshal([]byte(c.body), &envelope) == nil {
		for _, inner := range envelope {
			params = inner
		}
	}
	if c.action == "server.image" {
		var image struct {
			ServerID int64
			Name     string
		}
		_ = json.Unmarshal(params, &image) // the test's own
		target, params = itoa(image.ServerID), fmt.Appendf(nil, `{"name":%q}`, image.Name)
	}
	if target == "" {
		return c.action, fmt.Appendf(nil, `{"params":%s}`, params)
	}
	return c.action, fmt.Appendf(nil, `{"target":%s,"params":%s}`, target, params)
}

// drop ends the connection; it needs p.mu.
func (p *program) drop() {
	if p.conn != nil {
		_ = p.conn.Close() // it may be gone
	}
	p.conn, p.ch = nil, nil
}

func (p *program) end() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.drop()
}
