package actors

import (
	"testing"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

func TestABatchWaitsForWhatItsUnitsAsk(t *testing.T) {
	t.Parallel()
	c := &committer{
		engine: &Engine{cfg: Config{Now: time.Now}}, dropped: map[schemas.Shard]int{}, wake: make(chan struct{}, 1),
	}
	asks := &unit{near: make([]posted, 1)}
	answers := &unit{item: item{from: asks}, near: make([]posted, 1)}
	decides := &unit{item: item{from: answers}}
	for _, step := range []struct {
		unit *unit
		want bool
	}{{&unit{}, true}, {asks, false}, {answers, false}, {decides, true}} {
		if !c.submit(step.unit) {
			t.Fatal("a unit was refused")
		}
		if got := c.answered(); got != step.want {
			t.Errorf("%d units wait, answered() = %v, want %v", len(c.queue), got, step.want)
		}
	}
	unanswered := &unit{near: make([]posted, 1)}
	c.submit(unanswered)
	c.awaitAnswers() // returns all the same
	if got := len(c.take()); got != 5 {
		t.Errorf("the batch has %d units, want all 5", got)
	}
}

func TestTheTimeThatAProcessWasStoppedIsNoFaultOfItsStore(t *testing.T) {
	t.Parallel()
	e := &Engine{fatal: make(chan error, 1)}
	c := &committer{engine: e}
	now := time.Now()
	c.watch(now)
	c.since = now
	watchFor := func(d time.Duration) {
		for range int(d / time.Second) {
			now = now.Add(time.Second)
			c.watch(now)
		}
	}
	now = now.Add(time.Hour)
	watchFor(commitAlarm)
	if len(e.fatal) > 0 {
		t.Errorf("%v, but most of that time nobody ran", <-e.fatal)
	}
	watchFor(2 * time.Second)
	if len(e.fatal) == 0 {
		t.Error("a store that hangs is not noticed")
	}
}
