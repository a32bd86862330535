package edge

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// usersEvery is how often an edge asks who may use the tenants' bus. Source: docs/numbers.md.
const usersEvery = 2 * time.Second

// Door is where an edge takes commands beside HTTP.
type Door struct {
	Bus   bus.Tenants
	Users BusUsers
	// Queues and Subscriptions are for those who order further queues of events.
	Queues        bus.Subscriptions
	Subscriptions storage.Subscriptions
}

// BusUsers is who may use the tenants' bus.
type BusUsers interface {
	storage.BusUsers
	storage.BusUserReader
}

// door takes the commands of the tenants' bus: each becomes the same order as its route makes of a request.
type door struct {
	Door

	server  *Server
	sender  *sender
	forms   map[schemas.Action]Submission
	shares  *shares
	serving map[bus.Address]context.CancelFunc // run's alone

	mu    sync.Mutex
	users map[string]storage.BusUser // guarded by mu; with the rates that count

	end  context.CancelFunc
	life context.Context
	done sync.WaitGroup // of every queue that is consumed
}

// newDoor collects what the modules take; nil without a Door in the configuration.
func newDoor(s *Server, send *sender) (*door, error) {
	if s.config.Door == nil {
		return nil, nil //nolint:nilnil // there is none
	}
	d := &door{
		Door: *s.config.Door, server: s, sender: send, forms: map[schemas.Action]Submission{}, shares: newShares(s.config.Now),
		serving: map[bus.Address]context.CancelFunc{},
	}
	d.life, d.end = context.WithCancel(s.base)
	for _, m := range s.config.Modules {
		has, ok := m.(Submissions)
		if !ok {
			continue
		}
		for action, form := range has.Submissions() {
			if _, twice := d.forms[action]; twice {
				return nil, fmt.Errorf("module %s: another one takes %s too", m.ID(), action)
			}
			d.forms[action] = form
		}
	}
	return d, nil
}

// start serves the users that there are and those that come, until stop.
func (d *door) start() { d.done.Go(d.run) }

// stop returns when nothing is taken any more. What was not answered comes again, to another edge. It may be called twice.
func (d *door) stop() {
	d.end()
	d.done.Wait()
}

func (d *door) run() {
	again := time.NewTicker(usersEvery)
	defer again.Stop()
	for {
		users, err := d.Users.BusUsers(d.life)
		switch {
		case err == nil:
			d.know(users)
			d.serve(users)
		case d.life.Err() == nil:
			d.server.config.Log.Warn("who may use the tenants' bus is not readable", "error", err)
		}
		select {
		case <-d.life.Done():
			return
		case <-again.C:
		}
	}
}

// know keeps who the users are, with the rates that count.
func (d *door) know(users []storage.BusUser) {
	known := make(map[string]storage.BusUser, len(users))
	for _, u := range users {
		u.RateLimits = u.RateLimits.Over(d.server.config.RateLimits)
		known[u.Name] = u
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.users = known
}

func (d *door) user(name string) (storage.BusUser, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	u, ok := d.users[name]
	return u, ok
}

// serve begins with the queues of users that are new and ends with those of users that are gone. Nobody looks for the
// virtual host before there is a user: it may not be there.
func (d *door) serve(users []storage.BusUser) {
	wanted := map[bus.Address]string{}
	for _, u := range users {
		wanted[bus.IngressQueue(u.Name)] = u.Name
		wanted[bus.ExpiredQueue] = ""
	}
	for queue, end := range d.serving {
		if _, still := wanted[queue]; !still {
			end()
			delete(d.serving, queue)
		}
	}
	for queue, user := range wanted {
		if d.serving[queue] != nil {
			continue
		}
		life, end := context.WithCancel(d.life)
		d.serving[queue] = end
		in := &ingress{door: d, queue: queue, user: user}
		d.done.Go(func() { in.run(life) })
	}
}
