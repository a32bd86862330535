package bus

import (
	"context"
	"errors"
	"time"
)

// DeadLetter is a message that nobody can deal with, as it arrived, and what is known of its end.
type DeadLetter struct {
	Message
	From         Address // the queue that it came from
	Redeliveries int
	Reason       string    // for an operator; its first MaxReason bytes are kept
	Died         time.Time // kept to the second
}

// MaxReason is how many bytes of a reason are kept: a stack would not fit into the head of a message.
const MaxReason = 1000

// DeadLetters is where an operator finds the messages that nobody can deal with.
type DeadLetters interface {
	// Bury keeps a dead letter and returns when the bus vouches for it. ErrFull: it takes no more for now. How many are
	// kept and how long is the implementation's to say.
	Bury(ctx context.Context, l DeadLetter) error
}

// How often a dead letter is tried to be kept: a connection that was lost is back by then.
const (
	buryTries = 10
	buryPause = time.Second
)

// Bury has a dead letter kept, and tries again for some seconds when that fails.
func Bury(ctx context.Context, in DeadLetters, l DeadLetter) error {
	l.Reason = l.Reason[:min(len(l.Reason), MaxReason)]
	again := time.NewTicker(buryPause)
	defer again.Stop()
	for try := 1; ; try++ {
		err := in.Bury(ctx, l)
		if err == nil || errors.Is(err, ErrClosed) || try == buryTries {
			return err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
