// Package sim is a driver for physical machines that are not there.
//
// Its servers are records with a disk that is a fingerprint, but they keep what real ones keep: they outlive the
// process, fill their host up, share one store of images, and every power switch is logged with time and epoch.
// Faults come at random or as a test asks for them. A killed process loses nothing, a power cut may: nothing is fsynced.
package sim

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/ozonecloud/ozone/hosts"
	"github.com/ozonecloud/ozone/schemas"
)

// Config describes a simulated cloud. Dir, Hosts or Numbers, and Now are needed.
type Config struct {
	Dir     string           // where the hosts' state and the images are; one process at a time has it open
	Hosts   int              // how many hosts: number 1 and those that follow
	Numbers []schemas.HostID // which hosts, in the place of Hosts
	RAMMiB  int64            // of each host, for servers; 0: no bound
	DiskGB  int64            // of each host, for servers; 0: no bound
	Delay   time.Duration    // how long each step takes; 0: no time
	Faults  float64          // share of steps that fail, lose their answer or answer late, 0 to 1
	Seed    uint64           // of the faults; the same seed gives the same draws
	Now     func() time.Time // the clock of the power log and of renamed files
}

// Cloud is a set of simulated hosts that share an image store.
type Cloud struct {
	cfg    Config
	images *images
	faults *faults
	hosts  map[schemas.HostID]*Host // never changes
	last   atomic.Int64             // microseconds since 1970 of the latest power switch
	closed chan struct{}            // closed by Close
}

// The powers that a simulated host has.
var (
	_ hosts.Driver         = (*Host)(nil)
	_ hosts.Rebooter       = (*Host)(nil)
	_ hosts.PasswordSetter = (*Host)(nil)
	_ hosts.Snapshotter    = (*Host)(nil)
	_ hosts.Saver          = (*Host)(nil)
	_ hosts.Remover        = (*Host)(nil)
	_ hosts.Copier         = (*Host)(nil)
)

// NewCloud opens the cloud in cfg.Dir as it was left, or makes an empty one.
func NewCloud(cfg Config) (*Cloud, error) {
	if len(cfg.Numbers) == 0 {
		for id := range cfg.Hosts {
			cfg.Numbers = append(cfg.Numbers, schemas.HostID(id+1))
		}
	}
	if cfg.Dir == "" || len(cfg.Numbers) == 0 || cfg.Now == nil {
		return nil, errors.New("simulated cloud: Dir, Hosts and Now are needed")
	}
	if cfg.Faults < 0 || cfg.Faults > 1 {
		return nil, fmt.Errorf("simulated cloud: faults %v, want 0 to 1", cfg.Faults)
	}
	im, err := openImages(filepath.Join(cfg.Dir, "images"))
	if err != nil {
		return nil, fmt.Errorf("open simulated images: %w", err)
	}
	c := &Cloud{
		cfg: cfg, images: im, faults: newFaults(cfg.Faults, cfg.Seed),
		hosts: map[schemas.HostID]*Host{}, closed: make(chan struct{}),
	}
	for _, id := range cfg.Numbers {
		st, err := openState(hostDir(cfg.Dir, id))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("open simulated host %d: %w", id, err), c.Close())
		}
		c.hosts[id] = &Host{cloud: c, id: id, state: st}
		c.last.Store(max(c.last.Load(), st.last))
	}
	return c, nil
}

// Host is the driver of one host; nil when the cloud has no such host.
func (c *Cloud) Host(id schemas.HostID) *Host { return c.hosts[id] }

// Close ends every wait and closes the files. It may be called twice; the hosts' calls must have ended.
func (c *Cloud) Close() error {
	select {
	case <-c.closed:
		return nil
	default:
		close(c.closed)
	}
	var errs []error
	for _, h := range c.hosts {
		errs = append(errs, h.state.close())
	}
	return errors.Join(errs...)
}

// Restart brings a crashed host back: it answers again, with everything that it had.
func (c *Cloud) Restart(id schemas.HostID) { c.faults.restart(id) }

// PowerLog is every power switch of the cloud so far, in order of time.
func (c *Cloud) PowerLog() ([]PowerEvent, error) { return ReadPowerLog(c.cfg.Dir) }

// now is the clock, later at each call: the power log is in order even when two switches come in one microsecond.
func (c *Cloud) now() time.Time {
	for {
		last := c.last.Load()
		next := max(c.cfg.Now().UnixMicro(), last+1)
		if c.last.CompareAndSwap(last, next) {
			return time.UnixMicro(next)
		}
	}
}

func hostDir(dir string, id schemas.HostID) string {
	return filepath.Join(dir, "hosts", strconv.FormatInt(int64(id), 10))
}

func makeDir(dir string) error { return os.MkdirAll(dir, 0o700) }
