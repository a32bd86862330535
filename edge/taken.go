package edge

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// The headers for those who cannot set the properties of AMQP, and the one that answers bring back.
const (
	headerMessageID = "ozone-message-id"
	headerType      = "ozone-type"
	headerTrace     = "traceparent"
)

// taken is a command that came over the tenants' bus, of a user that the broker vouches for.
type taken struct {
	*ingress

	message *bus.Delivery
	user    storage.BusUser
	replyTo bus.Address
	counted []storage.RateWindow
}

// errLate is for a command whose time was over when it was taken.
var errLate = schemas.Errorf(schemas.KindUnavailable, "The command had expired when it was taken. It was not done.")

// from is the user who has sent a message; reason says why nobody can be answered.
func (i *ingress) from(m *bus.Delivery) (u storage.BusUser, reason string) {
	name := m.Outside.User
	if name == "" {
		return u, "no user_id: only with this property does the broker vouch for who has sent a message"
	}
	if i.user != "" && name != i.user {
		return u, fmt.Sprintf("user_id %q: the queue is that of %q", name, i.user)
	}
	u, ok := i.door.user(name)
	if !ok {
		return u, fmt.Sprintf("user_id %q: there is no such user any more", name)
	}
	return u, ""
}

// send makes the command and publishes it. A panic is a defect and costs this command alone.
func (t *taken) send(ctx context.Context) (way *sent, err error) {
	defer func() {
		if p := recover(); p != nil {
			t.server.config.Log.Error("command panicked", "user", t.user.Name, "panic", p, "stack", string(debug.Stack()))
			err = errInternal
		}
	}()
	key, form, err := t.read()
	if err != nil {
		return nil, err
	}
	if t.queue == bus.ExpiredQueue {
		return nil, errLate
	}
	rates := ratesOf(t.user.RateLimits, rateOfVerb[form.Verb], form.Rate)
	if t.counted, err = t.server.countUnder(ctx, t.user.Account, rates); err != nil {
		return nil, err
	}
	expires, err := t.expires()
	if err != nil {
		return nil, err
	}
	o, err := form.order(t.message.Body)
	if err != nil {
		return nil, err
	}
	o.trace = t.trace()
	cmd, err := t.sender.command(t.user.Account, key, &o, t.server.config.Wait)
	if err != nil {
		return nil, err
	}
	if !expires.IsZero() && expires.Before(cmd.Expires) {
		cmd.Expires = expires
	}
	return t.sender.send(ctx, cmd, false) // in the order of its sender
}

// read looks at what comes beside the body.
func (t *taken) read() (key []byte, form Submission, err error) {
	m := t.message
	bad := func(format string, args ...any) error { return schemas.Errorf(schemas.KindInvalid, format, args...) }
	if m.ReplyTo != "" && !bus.Owns(t.user.Name, m.ReplyTo) {
		return nil, form, bad("reply_to must be one of the queues of user %s.", t.user.Name)
	}
	t.replyTo = cmp.Or(m.ReplyTo, t.replyTo)
	id, err := oneOf(m.ID, m.Outside.Headers[headerMessageID], "message_id")
	if err != nil {
		return nil, form, err
	}
	if len(id) <= bus.MaxName { // else no answer could name it
		m.ID = id
	}
	key, ok := hashKey(id)
	if !ok {
		return nil, form, bad("message_id must be 1 to %d visible ASCII characters.", maxKey)
	}
	name, err := oneOf(string(m.Type), m.Outside.Headers[headerType], "type")
	if err != nil {
		return nil, form, err
	}
	if form, ok = t.forms[schemas.Action(name)]; !ok {
		return nil, form, bad("There is no type of command %.60q.", name)
	}
	if media, _, err := mime.ParseMediaType(m.Outside.ContentType); m.Outside.ContentType != "" && (err != nil || media != "application/json") {
		return nil, form, schemas.Errorf(schemas.KindMedia, "content_type must be application/json.")
	}
	if coding := m.Outside.ContentEncoding; coding != "" && !strings.EqualFold(coding, "utf-8") && !strings.EqualFold(coding, "identity") {
		return nil, form, schemas.Errorf(schemas.KindMedia, "content_encoding must be empty.")
	}
	if len(m.Body) > bus.MaxOutside {
		return nil, form, errTooLarge
	}
	return key, form, nil
}

// oneOf is a property or the header that stands for it.
func oneOf(property, header, name string) (string, error) {
	if property != "" && header != "" && property != header {
		return "", schemas.Errorf(schemas.KindInvalid, "%s and the header ozone-%s are not the same.", name, strings.ReplaceAll(name, "_", "-"))
	}
	return cmp.Or(property, header), nil
}

// trace is the W3C trace context of the command, "" without one.
func (t *taken) trace() string {
	if trace := t.message.Outside.Headers[headerTrace]; schemas.ValidTraceParent(trace) {
		return trace
	}
	return ""
}

// expires is until when the command may be decided; zero: its sender did not say. The time runs from the sender's timestamp, or
// from now.
func (t *taken) expires() (time.Time, error) {
	o := t.message.Outside
	if o.Expiration == "" {
		return time.Time{}, nil
	}
	ms, err := strconv.ParseUint(o.Expiration, 10, 32)
	if err != nil {
		return time.Time{}, schemas.Errorf(schemas.KindInvalid, "expiration must be a number of milliseconds.")
	}
	now := t.server.config.Now()
	from := now
	if !o.Timestamp.IsZero() {
		from = o.Timestamp
	}
	if at := from.Add(time.Duration(ms) * time.Millisecond); at.After(now) {
		return at, nil
	}
	return time.Time{}, errLate
}

// undecided tells whether nobody knows what became of a command, or could know: it comes again.
func undecided(err error) bool {
	for _, reason := range []error{errUnknown, errUnconfirmed, storage.ErrAway, storage.ErrClosed, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, reason) {
			return true
		}
	}
	return false
}

func (t *taken) accept(ctx context.Context, a schemas.Answer) error {
	err := t.answer(ctx, schemas.TypeCommandAccepted, schemas.CommandAccepted{
		Operation: a.Operation, Target: a.Target, Representation: a.Representation,
	})
	switch {
	case err == nil:
	case errors.Is(err, bus.ErrUnroutable): // the operation can be read
		t.server.config.Log.Warn("nowhere to answer", "user", t.user.Name, "operation", string(a.Operation))
		return nil
	default:
		t.uncount(ctx)
	}
	return err
}

func (t *taken) reject(ctx context.Context, why error) error {
	t.uncount(ctx)
	if undecided(why) {
		return why
	}
	f, known := faultOf(why)
	if !known {
		t.server.config.Log.Error("command failed", "error", why, "user", t.user.Name)
	}
	err := t.answer(ctx, schemas.TypeCommandRejected, schemas.CommandRejected{
		Fault: f.name, Message: f.err.Message, Details: f.err.Details, RetryAfter: int64((f.wait() + time.Second - 1) / time.Second),
	})
	if errors.Is(err, bus.ErrUnroutable) {
		return t.bury(ctx, t.message, "rejected, and no queue takes the answer: "+f.err.Error())
	}
	return err
}

// uncount takes back what was counted, also when the command comes again and is counted anew.
func (t *taken) uncount(ctx context.Context) {
	t.server.uncount(context.WithoutCancel(ctx), t.user.Account, t.counted)
	t.counted = nil
}

// answer posts what became of the command; to the user's usual queue when the one it named is not there.
func (t *taken) answer(ctx context.Context, kind string, content any) error {
	body, err := json.Marshal(content)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	p := bus.Post{
		Key: string(t.replyTo), Type: kind, CorrelationID: cmp.Or(t.message.CorrelationID, t.message.ID),
		ContentType: "application/json", Body: body,
	}
	if trace := t.trace(); trace != "" {
		p.Headers = map[string]string{headerTrace: trace}
	}
	err = t.Bus.Post(ctx, p).Wait(ctx)
	if usual := string(bus.RepliesQueue(t.user.Name)); errors.Is(err, bus.ErrUnroutable) && p.Key != usual {
		p.Key = usual
		err = t.Bus.Post(ctx, p).Wait(ctx)
	}
	return err
}

// bury keeps the head of a message that nobody can be told about. What it was sent for is not done. The body may have a password.
func (i *ingress) bury(ctx context.Context, m *bus.Delivery, reason string) error {
	head := m.Message
	head.Body = nil
	i.server.config.Log.Debug("command is a dead letter", "queue", string(i.queue), "reason", reason)
	return bus.Bury(ctx, i.Bus, bus.DeadLetter{
		Message: head, From: i.queue, Redeliveries: m.Redeliveries, Reason: reason, Died: i.server.config.Now(),
	})
}
