package agent

import (
	"context"
	"slices"

	"github.com/ozonecloud/ozone/schemas"
)

// job is a step that waits or is under way, with all deliveries of it.
type job struct {
	id   string
	step *schemas.Step // guarded by Agent.mu; the delivery with the highest pair; never written to
	done []func()      // guarded by Agent.mu
}

// lane is the queue of one server, or of an image's actor when a step names no server. A lane is there while it is busy;
// its length is bounded by what Receive gives.
type lane struct {
	key     schemas.Ref
	waiting []*job // guarded by Agent.mu
}

// accept puts a step into its lane. A step that is there already is the same job: it is answered once.
func (a *Agent) accept(ctx context.Context, d Delivery) {
	s := &d.Step
	if s.Host != a.cfg.Host {
		a.log.Error("step for another host dropped", "operation", string(s.Operation), "step", string(s.Name), "for", int64(s.Host))
		finish([]func(){d.Done})
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	id := s.ID()
	if j := a.jobs[id]; j != nil {
		j.done = append(j.done, d.Done)
		if pairOf(j.step).less(pairOf(s)) {
			j.step = s
		}
		return
	}
	j := &job{id: id, step: s, done: []func(){d.Done}}
	a.jobs[id] = j
	key := laneOf(s)
	if ln := a.lanes[key]; ln != nil {
		ln.waiting = append(ln.waiting, j)
		return
	}
	ln := &lane{key: key, waiting: []*job{j}}
	a.lanes[key] = ln
	if a.idle {
		a.idle = false
		a.spare <- ln
		return
	}
	a.running.Go(func() { a.work(ctx, ln) })
}

// work drains a lane. One goroutine stays to take the next one, with its stack grown: to grow new ones cost 3 % of a create.
func (a *Agent) work(ctx context.Context, ln *lane) {
	for {
		a.drain(ctx, ln)
		a.mu.Lock()
		stays := !a.idle
		a.idle = true
		a.mu.Unlock()
		if !stays {
			return
		}
		select {
		case ln = <-a.spare:
		case <-ctx.Done():
			return
		}
	}
}

// drain does the lane's jobs one after another; it ends when none is left, or with the agent.
func (a *Agent) drain(ctx context.Context, ln *lane) {
	for ctx.Err() == nil {
		j, s := a.next(ln)
		if j == nil {
			return
		}
		a.process(ctx, ln, j, s)
	}
}

func (a *Agent) next(ln *lane) (*job, *schemas.Step) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(ln.waiting) == 0 {
		delete(a.lanes, ln.key)
		return nil, nil
	}
	j := ln.waiting[0]
	ln.waiting[0] = nil
	ln.waiting = ln.waiting[1:]
	own := *j.step
	return j, &own
}

// renew gives a step of the job the pair of its latest delivery.
func (a *Agent) renew(j *job, s *schemas.Step) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if pairOf(s).less(pairOf(j.step)) {
		s.Epoch, s.Version = j.step.Epoch, j.step.Version
	}
}

// forget takes the job out before it is answered: a repetition that comes from now on is a job of its own,
// for nobody can say whether the answer was sent to who sent the repetition.
func (a *Agent) forget(j *job) []func() {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.jobs, j.id)
	return j.done
}

// overtaken tells whether a step with a newer pair waits behind s, of the same actor for the same copy:
// the actor has gone on then. (For another copy it may have sent one while it waits for s.)
func (a *Agent) overtaken(ln *lane, s *schemas.Step) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.ContainsFunc(ln.waiting, func(j *job) bool {
		return j.step.Actor == s.Actor && j.step.Params.Copy == s.Params.Copy && pairOf(s).less(pairOf(j.step))
	})
}

func laneOf(s *schemas.Step) schemas.Ref {
	if s.Params.Server != 0 {
		return s.Params.Server.Ref()
	}
	return s.Actor
}

func finish(done []func()) {
	for _, f := range done {
		if f != nil {
			f()
		}
	}
}
