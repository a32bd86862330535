package actors_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

var (
	seed   = flag.Uint64("seed", 0, "of the faults; 0: another one each time")
	rounds = flag.Int("rounds", 3, "how often the engine of the fault test is killed")
)

// storm is a rig with faults at random.
type storm struct {
	*rig

	mu      sync.Mutex
	rand    *rand.Rand      // guarded by mu
	over    bool            // guarded by mu; no more faults
	faults  map[string]int  // guarded by mu
	lost    int64           // the batch whose answer was lost; only the committer uses it
	ledger  map[string]bool // of the host: steps that failed; only its goroutine uses it
	sent    []*schemas.Command
	answers map[schemas.OperationID][]schemas.Answer
	agent   sync.WaitGroup
}

// strikes tells whether a fault of a kind happens now, which it does in percent of all cases.
func (s *storm) strikes(kind string, percent float64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over || s.rand.Float64()*100 >= percent {
		return false
	}
	s.faults[kind]++
	return true
}

func (s *storm) n(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rand.IntN(n)
}

func (s *storm) commit(b storage.Batch, next func() error) error {
	switch {
	case s.lost == b.Number: // it is there already: the store says so before it looks at anything else
		s.lost = 0
		return next()
	case s.strikes("commit failed", 8):
		return errBroken
	case s.strikes("commit's answer lost", 8):
		if next() == nil {
			s.lost = b.Number
		}
		return errBroken
	case len(b.Units) == 0:
		return next()
	case s.strikes("bad unit", 3):
		return &storage.BadUnitError{Unit: s.n(len(b.Units)), Err: errBroken}
	case s.strikes("fenced", 5):
		if _, err := s.store.Store.Claim(s.t.Context(), b.Units[s.n(len(b.Units))].Shard, "another"); err != nil {
			return err
		}
	}
	return next()
}

func (s *storm) hooks(f *faultyStore) {
	f.onCommit = s.commit
	f.onLoad = func(_ []schemas.Ref, next func() ([]storage.Snapshot, error)) ([]storage.Snapshot, error) {
		if s.strikes("load failed", 5) {
			return nil, errBroken
		}
		return next()
	}
	f.onKnown = func() error {
		if s.strikes("known failed", 5) {
			return errBroken
		}
		return nil
	}
}

// host does the steps of one run of the engine: each gets the same outcome whenever it comes.
func (s *storm) host(steps bus.Consumer, to bus.Bus) {
	for d := range steps.Deliveries() {
		steps.Ack(d.Tag)
		var step schemas.Step
		if err := json.Unmarshal(d.Body, &step); err != nil {
			s.t.Error(err)
			return
		}
		for more := true; more; {
			failed := s.did(&step)
			next, follows := step.Next()
			more = follows && !failed
			if !more || s.n(2) == 0 { // else the next one's outcome says it
				s.tell(&step, failed, to)
			}
			step = next
		}
	}
}

// did is what became of a step; true when it failed.
func (s *storm) did(step *schemas.Step) bool {
	failed, known := s.ledger[step.ID()]
	if !known {
		failed = s.strikes("step failed", 3)
		s.ledger[step.ID()] = failed
	}
	return failed
}

// tell answers a step, once or twice.
func (s *storm) tell(step *schemas.Step, failed bool, to bus.Bus) {
	o := &schemas.Outcome{
		V: 1, Operation: step.Operation, Name: step.Name, Attempt: step.Attempt, Host: step.Host, Copy: step.Params.Copy,
		Actor: step.Actor, Account: step.Account,
	}
	if failed {
		o.Failure = &schemas.StepFailure{Reason: schemas.FailureFault}
	}
	body, err := json.Marshal(o)
	if err != nil {
		s.t.Error(err)
		return
	}
	m := bus.Message{ID: "outcome of " + step.ID(), Type: schemas.TypeOutcome, Body: body}
	for range 1 + s.n(2) {
		_ = bus.Send(s.t.Context(), to, bus.ShardQueue(step.Shard), m) // a bus that was closed loses it
	}
}

// any is a command at random, about a server that was created if there is one.
func (s *storm) any(servers []int64, key string) *schemas.Command {
	if len(servers) == 0 || s.n(3) == 0 {
		return s.order(schemas.ServerCreate, 0, schemas.Params{Image: 1, Flavor: 1}, key)
	}
	id := servers[s.n(len(servers))]
	switch s.n(6) {
	case 0:
		return s.order(schemas.ServerDelete, id, schemas.Params{}, key)
	case 1:
		return s.order(schemas.ServerResize, id, schemas.Params{Flavor: schemas.FlavorID(1 + s.n(3))}, key)
	case 2:
		return s.order(schemas.ServerResizeConfirm, id, schemas.Params{}, key)
	case 3:
		return s.order(schemas.ServerResizeRevert, id, schemas.Params{}, key)
	case 4:
		return s.order(schemas.ServerImage, 0, schemas.Params{Server: schemas.ServerID(id)}, key)
	default:
		return s.order(schemas.ServerReboot, id, schemas.Params{Hard: s.n(2) == 0}, key)
	}
}

// round sends commands, half of them twice under one key, and takes the answers that come.
func (s *storm) round(number int) {
	var servers []int64
	for _, c := range s.sent {
		for _, a := range s.answers[c.ID] {
			if c.Action == schemas.ServerCreate && a.Fault == nil {
				servers = append(servers, a.Target.ID)
			}
		}
	}
	open := make(map[schemas.OperationID]bool)
	for i := range 40 {
		c := s.any(servers, fmt.Sprintf("key %d.%d", number, i))
		s.sent = append(s.sent, c)
		s.send(c)
		open[c.ID] = true
		if s.n(2) == 0 {
			again := *c
			again.ID = s.order(c.Action, 0, c.Params, "").ID
			s.sent = append(s.sent, &again)
			s.send(&again)
			open[again.ID] = true
		}
		if s.strikes("queue lost", 2) {
			s.bus.consumer(bus.ShardQueue(schemas.ShardOf(testAccount))).Close()
		}
	}
	s.collect(open)
}

// collect takes answers until all have come or none has for a while.
func (s *storm) collect(open map[schemas.OperationID]bool) {
	for len(open) > 0 {
		select {
		case d := <-s.rig.answers.Deliveries():
			s.rig.answers.Ack(d.Tag)
			var a schemas.Answer
			if err := json.Unmarshal(d.Body, &a); err != nil {
				s.t.Fatal(err)
			}
			id := schemas.OperationID(d.CorrelationID)
			s.answers[id] = append(s.answers[id], a)
			delete(open, id)
		case <-time.After(3 * time.Second):
			return
		}
	}
}

func TestNothingAcceptedIsLostUnderFaults(t *testing.T) {
	t.Parallel()
	s := &storm{rig: newRig(t), faults: make(map[string]int), ledger: make(map[string]bool), answers: make(map[schemas.OperationID][]schemas.Answer)}
	from := *seed
	if from == 0 {
		from = rand.Uint64()
	}
	s.rand = rand.New(rand.NewPCG(from, 1))
	t.Logf("seed %d", from)
	s.store.set(s.hooks)
	for number := range *rounds {
		s.agent.Go(func() { s.host(s.steps, s.bus) })
		s.round(number)
		s.crash()
		s.agent.Wait()
		s.start()
	}
	s.mu.Lock()
	s.over = true
	s.mu.Unlock()
	s.skew.Add(int64(61 * time.Second)) // what nobody could deal with is tried again
	steps, queues := s.steps, s.bus
	s.agent.Go(func() { s.host(steps, queues) })
	defer func() {
		if row := s.unfinished(); row != nil {
			t.Errorf("unfinished: %+v", row)
		}
	}()
	s.eventually("every operation has ended", func() bool { return s.unfinished() == nil })
	s.judge()
	s.stop()
	s.agent.Wait()
	t.Logf("faults: %v; commands: %d", s.faults, len(s.sent))
}

// unfinished is an operation that has not ended, nil when all have.
func (s *storm) unfinished() *storage.OperationRow {
	rows, err := s.store.Operations(s.t.Context(), testAccount, storage.OperationFilter{Limit: 10_000})
	if err != nil {
		s.t.Fatal(err)
	}
	for i := range rows {
		if !rows[i].State.Terminal() {
			return &rows[i]
		}
	}
	return nil
}

// judge compares what was answered with what is stored.
func (s *storm) judge() {
	s.t.Helper()
	s.audit()
	byKey := make(map[string]schemas.OperationID)
	shown := 0
	for _, c := range s.sent {
		row, err := s.store.Operation(s.t.Context(), c.Account, c.ID)
		accepted := err == nil && row.Answer != nil && row.Answer.Fault == nil
		for _, a := range s.answers[c.ID] {
			if a.Fault == nil && a.Operation == c.ID && !accepted {
				s.t.Errorf("%s was accepted and its row is %+v %v", c.ID, row, err)
			}
		}
		if !accepted {
			continue
		}
		if first, ok := byKey[string(c.Key)]; ok {
			s.t.Errorf("%s and %s have one key", first, c.ID)
		}
		byKey[string(c.Key)] = c.ID
		switch c.Action {
		case schemas.ServerCreate:
			shown++
		case schemas.ServerDelete:
			shown--
		default: // it changes a server, not their number
		}
	}
	if n := s.servers(); n != shown {
		s.t.Errorf("%d servers are shown, %d were created and not deleted", n, shown)
	}
}
