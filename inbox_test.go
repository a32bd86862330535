package ozone

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/bus/inproc"
	"github.com/ozonecloud/ozone/hosts/agent"
	"github.com/ozonecloud/ozone/schemas"
)

func TestInboxAcknowledgesWithoutGaps(t *testing.T) {
	t.Parallel()
	b, in := inboxOf(t)
	var steps []agent.Delivery
	for n := 1; n <= 4; n++ {
		sendStep(t, b, schemas.TypeStep, schemas.Step{Host: 7, Attempt: n})
	}
	for range 4 {
		steps = append(steps, receiveStep(t, in))
	}
	for _, c := range []struct{ done, unacked int }{{2, 4}, {1, 2}, {4, 2}, {4, 2}, {3, 0}} {
		steps[c.done-1].Done()
		if _, unacked := b.Depth(); unacked != c.unacked {
			t.Errorf("after step %d: %d unacknowledged, want %d", c.done, unacked, c.unacked)
		}
	}
}

func TestInboxPassesOverWhatIsNoStep(t *testing.T) {
	t.Parallel()
	b, in := inboxOf(t)
	sendStep(t, b, schemas.TypeStep, "no step")
	sendStep(t, b, schemas.TypeOutcome, schemas.Outcome{})
	sendStep(t, b, schemas.TypeStep, schemas.Step{Host: 7, Attempt: 1})
	for range 2 {
		if _, err := in.receive(t.Context()); err == nil {
			t.Fatal("receive() took what is no step, want an error")
		}
	}
	receiveStep(t, in).Done()
	dead := b.Dead()
	if len(dead) != 2 || dead[0].From != bus.HostQueue(7) || !strings.Contains(dead[0].Reason, "decode step") ||
		!strings.Contains(dead[1].Reason, "a host takes steps") {
		t.Errorf("dead letters %+v, want both with their reasons", dead)
	}
	if waiting, unacked := b.Depth(); waiting != 0 || unacked != 0 {
		t.Errorf("Depth() = %d, %d, want 0, 0", waiting, unacked)
	}
}

func TestInboxEndsWithItsContextAndItsBus(t *testing.T) {
	t.Parallel()
	b, in := inboxOf(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := in.receive(ctx); err == nil {
		t.Error("receive() = nil after its context ended, want an error")
	}
	if err := b.Close(); err != nil {
		t.Fatalf("Close() = %v, want nil", err)
	}
	if _, err := in.receive(t.Context()); err == nil {
		t.Error("receive() = nil after the bus closed, want an error")
	}
}

func TestInboxConsumesAgainWhatWasLost(t *testing.T) {
	t.Parallel()
	b, in := inboxOf(t)
	for n := 1; n <= 2; n++ {
		sendStep(t, b, schemas.TypeStep, schemas.Step{Host: 7, Attempt: n})
	}
	first := receiveStep(t, in)
	in.now.consumer.Close() // as when the broker is lost
	for {
		if _, err := in.receive(t.Context()); err != nil {
			break
		}
	}
	again, second := receiveStep(t, in), receiveStep(t, in)
	if again.Step.Attempt != 1 || second.Step.Attempt != 2 {
		t.Errorf("steps %d and %d came again, want 1 and 2", again.Step.Attempt, second.Step.Attempt)
	}
	first.Done() // of the lost consumer: it says nothing about the new one
	if _, unacked := b.Depth(); unacked != 2 {
		t.Errorf("%d unacknowledged, want 2", unacked)
	}
	again.Done()
	second.Done()
	if _, unacked := b.Depth(); unacked != 0 {
		t.Errorf("%d unacknowledged at the end, want 0", unacked)
	}
}

// taken is a bus on which another process has the queues.
type taken struct{ bus.Bus }

func (taken) ConsumeAlone(context.Context, bus.Address, int) (bus.Consumer, error) {
	return nil, bus.ErrTaken
}

func TestAHostThatAnotherProcessKeepsEndsTheNode(t *testing.T) {
	t.Parallel()
	now := time.Now()
	var told []error
	in := &inbox{
		bus: taken{inproc.New(inproc.Config{})}, queue: bus.HostQueue(7), host: 7,
		clock: func() time.Time { return now }, lost: func(err error) { told = append(told, err) },
	}
	for _, after := range []time.Duration{0, takenPatience} {
		now = now.Add(after)
		if _, err := in.receive(t.Context()); !errors.Is(err, bus.ErrTaken) || len(told) > 0 {
			t.Fatalf("receive() = %v, told %v, want %v and patience", err, told, bus.ErrTaken)
		}
	}
	now = now.Add(1)
	if _, err := in.receive(t.Context()); err == nil || len(told) != 1 || !strings.Contains(told[0].Error(), "another process is host 7") {
		t.Errorf("receive() = %v, told %v, want one error that names the host", err, told)
	}
}

func TestAHostOfAnotherProcessIsRefusedAtTheStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &Node{bus: taken{inproc.New(inproc.Config{})}, local: time.Now, cfg: Config{}.withDefaults()}
		began := time.Now()
		_, err := n.openInbox(t.Context(), 7)
		if took := time.Since(began); err == nil || !strings.Contains(err.Error(), "--hosts") || took < takenPatience {
			t.Errorf("openInbox() = %v after %v, want an error that names the setting after %v", err, took, takenPatience)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := n.openInbox(ctx, 7); !errors.Is(err, context.Canceled) {
			t.Errorf("openInbox() of a node that ends = %v, want %v", err, context.Canceled)
		}
	})
}

func inboxOf(t *testing.T) (*inproc.Bus, *inbox) {
	t.Helper()
	b := inproc.New(inproc.Config{})
	n := &Node{bus: b, local: time.Now, cfg: Config{Log: slog.New(slog.DiscardHandler)}}
	in, err := n.openInbox(t.Context(), 7)
	if err != nil {
		t.Fatalf("openInbox() = %v, want nil", err)
	}
	t.Cleanup(in.close)
	return b, in
}

func sendStep(t *testing.T, b bus.Bus, kind schemas.MessageType, body any) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	if err := bus.Send(t.Context(), b, bus.HostQueue(7), bus.Message{Type: kind, Body: text}); err != nil {
		t.Fatalf("Send() = %v, want nil", err)
	}
}

func receiveStep(t *testing.T, in *inbox) agent.Delivery {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	d, err := in.receive(ctx)
	if err != nil {
		t.Fatalf("receive() = %v, want a step", err)
	}
	return d
}
