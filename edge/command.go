package edge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// Order is a validated write, before it becomes a command.
type Order struct {
	Action  schemas.Action
	Target  int64 // server or image; 0 for creates
	Params  schemas.Params
	Payload schemas.Payload // travels sealed
	// Secret is a password that the client gave: it tells two commands apart, and goes no further.
	Secret string
	// trace is the W3C trace context of the request, "" without one.
	trace string
	// Accepted is the response to an accepted command.
	Accepted func(a schemas.Answer) Response
}

const (
	headerOperation = "X-Ozone-Operation"
	headerState     = "X-Ozone-Operation-State"
	headerApplied   = "Preference-Applied"
	// expireEarly is how long before the end of the edge's wait an undecided command is refused, so that
	// the row that the edge then reads cannot change its mind. Source: docs/numbers.md.
	expireEarly = time.Second
	// lookEvery is how often the operation's row is looked for while no answer comes: a broker that died has lost the answers
	// on their way, and those that came before its reply queues were back. Source: docs/numbers.md.
	lookEvery = time.Second
	// lastRead bounds the read of the operation's row after the wait.
	lastRead = 2 * time.Second
)

// sender turns orders into commands on the bus, and the actors' answers into responses.
type sender struct {
	config     *Config
	replies    *replies
	operations *Operations
}

func newSender(c *Config, r *replies, o *Operations) *sender {
	return &sender{config: c, replies: r, operations: o}
}

// Do publishes the order to its account's shard and waits until it is admitted or refused.
func (s *sender) Do(ctx context.Context, r *Request, o Order) (Response, error) {
	if r.dry {
		return s.dryRun(ctx, r, o)
	}
	key, err := idempotencyKey(r)
	if err != nil {
		return Response{}, err
	}
	if trace := r.Header("traceparent"); schemas.ValidTraceParent(trace) {
		o.trace = trace
	}
	prefer := preferenceOf(r)
	if prefer.async && key == nil && s.config.Bus.Durable() {
		return s.queue(ctx, r.Account, &o)
	}
	cmd, err := s.command(r.Account, key, &o, s.config.Wait)
	if err != nil {
		return Response{}, err
	}
	began := s.config.Now()
	sent, err := s.send(ctx, cmd, true) // who dies with the process has promised nothing yet
	if err != nil {
		return named(cmd.ID), err
	}
	a, err := sent.decision(ctx)
	if err != nil {
		return named(cmd.ID), err
	}
	if a.Fault != nil {
		return named(a.Operation), r.worded(a.Fault)
	}
	switch {
	case prefer.async:
		return s.decidedAsync(ctx, cmd, a), nil
	case prefer.wait > 0:
		return s.finished(ctx, r.Account, a, o.Accepted(a), prefer, prefer.wait-s.config.Now().Sub(began))
	default:
		return o.Accepted(a).with(headerOperation, string(a.Operation)), nil
	}
}

// worded is a fault as the namespace of the request has it: of a key that was used v1.0 knows no conflict.
func (r *Request) worded(f *schemas.Error) error {
	if r.core || f.Message != schemas.ErrKeyUsed.Message {
		return f
	}
	return schemas.Errorf(schemas.KindConflict, "%s", f.Message).Because("%s", f.Details)
}

// command makes the operation's id, seals what must not be read on the way and digests what the client asked for. It expires
// shortly before the wait for it is over.
func (s *sender) command(account schemas.AccountID, key []byte, o *Order, wait time.Duration) (*schemas.Command, error) {
	now := s.config.Now()
	id, err := newOperationID(now)
	if err != nil {
		return nil, err
	}
	early := min(expireEarly, wait/2)
	cmd := &schemas.Command{
		V: schemas.MessageV, ID: id, Action: o.Action, Account: account, Target: o.Target, Params: o.Params,
		Key: key, Created: now, Expires: now.Add(wait - early), TraceParent: o.trace,
	}
	if cmd.Digest, err = s.digest(o); err != nil {
		return nil, err
	}
	if o.Payload.PasswordHash != "" || len(o.Payload.Personality) > 0 {
		if cmd.Payload, err = s.config.Sealer.Seal(id, o.Payload); err != nil {
			return nil, err
		}
	}
	return cmd, nil
}

// digest covers what the client sent and nothing that the edge made up, so that a repetition has the same.
func (s *sender) digest(o *Order) ([]byte, error) {
	canonical, err := json.Marshal(struct {
		Action      schemas.Action
		Target      int64
		Params      schemas.Params
		Personality []schemas.File
		Given       string // gosec takes a field named for what it is for a leak
	}{o.Action, o.Target, o.Params, o.Payload.Personality, o.Secret})
	if err != nil {
		return nil, fmt.Errorf("digest command: %w", err)
	}
	return s.config.Sealer.Digest(canonical), nil
}

// message is the command on its way to its account's shard.
func message(cmd *schemas.Command) (bus.Address, bus.Message, error) {
	body, err := json.Marshal(cmd)
	if err != nil {
		return "", bus.Message{}, fmt.Errorf("encode command: %w", err)
	}
	m := bus.Message{ID: string(cmd.ID), Type: schemas.TypeCommand, Expires: cmd.Expires, Body: body}
	return bus.ShardQueue(schemas.ShardOf(cmd.Account)), m, nil
}

// sent is a command on its way to its shard.
type sent struct {
	*sender

	cmd       *schemas.Command
	answer    <-chan schemas.Answer
	confirmed <-chan error
	patience  *time.Timer // the wait begins with the sending
}

// send publishes the command; without an error its decision must be waited for. Those for one account arrive in the order of the
// calls, but one that is direct may overtake others.
func (s *sender) send(ctx context.Context, cmd *schemas.Command, direct bool) (*sent, error) {
	to, m, err := message(cmd)
	if err != nil {
		return nil, err
	}
	m.Direct = direct
	return s.post(ctx, cmd, to, m)
}

// post publishes a message that brings a command or is about one, and whose answer is waited for.
func (s *sender) post(ctx context.Context, cmd *schemas.Command, to bus.Address, m bus.Message) (*sent, error) {
	m.ReplyTo = bus.ReplyQueue(s.config.ID)
	confirmed := make(chan error, 1) // one confirmation, never blocks
	w := &sent{sender: s, cmd: cmd, answer: s.replies.expect(cmd.ID), confirmed: confirmed, patience: time.NewTimer(s.config.Wait)}
	ctx, cancel := context.WithTimeout(ctx, s.config.Wait)
	defer cancel()
	if err := s.config.Bus.Publish(ctx, to, m, func(err error) { confirmed <- err }); err != nil {
		w.forget()
		return nil, errBusy
	}
	return w, nil
}

func (w *sent) forget() {
	w.replies.forget(w.cmd.ID)
	w.patience.Stop()
}

// decision is what became of the command, or an error when there is no decision in time.
func (w *sent) decision(ctx context.Context) (schemas.Answer, error) {
	defer w.forget()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		select {
		case a := <-w.answer:
			if a.Operation == "" {
				a.Operation = w.cmd.ID
			}
			return a, nil
		case err := <-w.confirmed:
			if refused(err) {
				return schemas.Answer{}, errBusy
			}
			// Confirmed, or nobody knows: the answer or the operation's row will say.
		case <-look.C:
			if a, err := w.recorded(ctx, w.cmd); err == nil {
				return a, nil
			}
		case <-w.patience.C:
			return w.decided(ctx, w.cmd)
		case <-ctx.Done():
			return schemas.Answer{}, errUnknown
		}
	}
}

// refused tells whether the bus is sure that it does not have the message.
func refused(err error) bool {
	return errors.Is(err, bus.ErrFull) || errors.Is(err, bus.ErrUnroutable) || errors.Is(err, bus.ErrClosed)
}

// decided reads the operation's row once, after the wait: the exact answer when it was decided. When it was not it is refused by
// whoever meets it, since it has expired; but its shard may have decided it before and still be at the commit, when that takes
// longer than expireEarly. So the 503 names the operation as the place to look.
func (s *sender) decided(ctx context.Context, cmd *schemas.Command) (schemas.Answer, error) {
	a, err := s.recorded(ctx, cmd)
	switch {
	case err == nil:
		return a, nil
	case errors.Is(err, storage.ErrNotFound):
		return schemas.Answer{}, errUnconfirmed
	default:
		s.config.Log.Warn("operation is not readable", "operation", string(cmd.ID), "error", err)
		return schemas.Answer{}, errUnknown
	}
}

// recorded is the answer in the row of the operation that the command stands for; storage.ErrNotFound when it is not decided.
func (s *sender) recorded(ctx context.Context, cmd *schemas.Command) (schemas.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, lastRead)
	defer cancel()
	id, err := s.standsFor(ctx, cmd)
	if err != nil {
		return schemas.Answer{}, err
	}
	row, err := s.config.Reader.Operation(ctx, cmd.Account, id)
	if err == nil && row.Answer == nil {
		err = storage.ErrNotFound
	}
	if err != nil {
		return schemas.Answer{}, err
	}
	a := *row.Answer
	a.Operation, a.Repeated = id, a.Repeated || id != cmd.ID
	return a, nil
}

// standsFor is the operation of the command, or of the one that it repeats.
func (s *sender) standsFor(ctx context.Context, cmd *schemas.Command) (schemas.OperationID, error) {
	if cmd.Key == nil {
		return cmd.ID, nil
	}
	k, err := s.config.Reader.Key(ctx, cmd.Account, cmd.Key)
	switch {
	case err == nil && string(k.Digest) == string(cmd.Digest):
		return k.Operation, nil
	case err != nil && !errors.Is(err, storage.ErrNotFound):
		return "", err
	default:
		return cmd.ID, nil
	}
}

// finished is the usual response, once the operation has ended or the client's patience has.
func (s *sender) finished(ctx context.Context, account schemas.AccountID, a schemas.Answer, res Response, p preference, wait time.Duration) (Response, error) {
	row, err := s.operations.AwaitEnd(ctx, account, a.Operation, wait)
	if err != nil {
		return named(a.Operation), err
	}
	return res.with(headerOperation, string(a.Operation)).
		with(headerState, string(shownState(row.State))).with(headerApplied, p.applied), nil
}

// named is an empty response that names the operation.
func named(id schemas.OperationID) Response {
	return Response{}.with(headerOperation, string(id))
}
