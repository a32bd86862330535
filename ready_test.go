package ozone

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ozonecloud/ozone/bus/amqp"
)

func TestWhatIsAwayIsNamedWithTheTimeSinceWhen(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 25, 9, 0, 0, 0, time.UTC)
	p := &parts{now: func() time.Time { return now }, log: slog.New(slog.DiscardHandler)}
	if err := p.err(); err != nil {
		t.Errorf("err() of what was never away = %v", err)
	}
	p.found(partDatabase, errors.New("password=sesame"))
	now = now.Add(time.Minute)
	p.found(partDatabase, errors.New("still"))
	p.found(partBroker, errNoLink)
	const both = "the broker is away since 2026-11-25T09:01:00Z, the database is away since 2026-11-25T09:00:00Z"
	if err := p.err(); err == nil || err.Error() != both {
		t.Errorf("err() = %v, want %s", err, both)
	}
	p.found(partDatabase, nil)
	if err := p.err(); err == nil || strings.Contains(err.Error(), partDatabase) {
		t.Errorf("err() = %v, want the broker alone", err)
	}
	p.found(partBroker, nil)
	if err := p.err(); err != nil {
		t.Errorf("err() = %v, want nil", err)
	}
}

func TestADatabaseThatHangsIsAwayBeforeItAnswers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &parts{now: time.Now, log: slog.New(slog.DiscardHandler)}
		thawed, looked := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(looked)
			p.look(t.Context(), func(context.Context) (time.Time, error) {
				<-thawed
				return time.Now(), nil
			})
		}()
		time.Sleep(lookPatience - time.Millisecond)
		synctest.Wait()
		if err := p.err(); err != nil {
			t.Errorf("err() = %v before the patience has ended", err)
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		if err := p.err(); err == nil {
			t.Error("err() = nil although the database does not answer")
		}
		close(thawed)
		<-looked
		if err := p.err(); err != nil {
			t.Errorf("err() = %v after the answer", err)
		}
	})
}

func TestABrokerIsUsedBothWays(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status amqp.Status
		want   error
	}{
		{amqp.Status{Consuming: true, Publishing: true}, nil},
		{amqp.Status{Consuming: true}, errNoLink},
		{amqp.Status{Publishing: true}, errNoLink},
		{amqp.Status{Consuming: true, Blocked: true}, errFull},
		{amqp.Status{}, errNoLink},
	} {
		if got := brokerError(c.status); !errors.Is(got, c.want) {
			t.Errorf("brokerError(%+v) = %v, want %v", c.status, got, c.want)
		}
	}
}
