package sim_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/hosts"
	"github.com/ozonecloud/ozone/hosts/hosttest"
	"github.com/ozonecloud/ozone/hosts/sim"
	"github.com/ozonecloud/ozone/schemas"
)

func TestHosts(t *testing.T) {
	t.Parallel()
	traits := hosttest.Traits{Reboot: true, Password: true, Images: true, Resize: true, Share: true, Probe: true}
	hosttest.Run(t, traits, func(t *testing.T) hosttest.Harness {
		t.Helper()
		r := &rig{cfg: sim.Config{Dir: t.TempDir(), Hosts: 2, RAMMiB: 1024, DiskGB: 100, Now: time.Now}}
		return hosttest.Harness{
			Drivers: r.open(t), First: 1, Second: 2, Image: 1, NoImage: 1000, Replaced: "/etc/motd",
			Small:    schemas.Flavor{ID: 1, RAMMiB: 256, DiskGB: 10, CPUWeight: 1},
			Large:    schemas.Flavor{ID: 2, RAMMiB: 1024, DiskGB: 40, CPUWeight: 4},
			TooLarge: schemas.Flavor{ID: 3, RAMMiB: 1024, DiskGB: 101, CPUWeight: 4},
			Content:  r.content, Files: r.files, ContentsOf: r.contentsOf, Write: r.write, Reopen: r.open,
		}
	})
}

// rig is a cloud for the suite.
type rig struct {
	cfg   sim.Config
	cloud *sim.Cloud
}

func (r *rig) open(t *testing.T) map[schemas.HostID]hosts.Driver {
	t.Helper()
	if r.cloud != nil {
		if err := r.cloud.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
	}
	r.cloud = open(t, r.cfg)
	return map[schemas.HostID]hosts.Driver{1: r.cloud.Host(1), 2: r.cloud.Host(2)}
}

func (r *rig) content(t *testing.T, p hosttest.Place) string {
	t.Helper()
	c, ok := r.cloud.Content(p.Host, p.Server, p.Copy)
	if !ok {
		return ""
	}
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (r *rig) files(t *testing.T, p hosttest.Place) []hosttest.File {
	t.Helper()
	c, _ := r.cloud.Content(p.Host, p.Server, p.Copy)
	var out []hosttest.File
	for _, f := range c.Files {
		out = append(out, hosttest.File{Path: f.Path, Contents: f.SHA256, Mode: f.Mode, Owner: f.Owner})
	}
	return out
}

func (r *rig) contentsOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func (r *rig) write(t *testing.T, p hosttest.Place) {
	t.Helper()
	if err := r.cloud.Write(p.Host, p.Server, p.Copy, "test"); err != nil {
		t.Fatal(err)
	}
}

func open(tb testing.TB, cfg sim.Config) *sim.Cloud {
	tb.Helper()
	c, err := sim.NewCloud(cfg)
	if err != nil {
		tb.Fatalf("open cloud: %v", err)
	}
	tb.Cleanup(func() {
		if err := c.Close(); err != nil {
			tb.Errorf("close cloud: %v", err)
		}
	})
	return c
}
