package storagetest

import (
	"slices"
	"time"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

var memberCases = []testCase{
	{"nodes that say that they live know of one another", testBeat},
	{"the membership has the epochs of all shards", testBeatEpochs},
}

// beat says that a node lives and returns the names of those that do.
func (r *rig) beat(n storage.Node, within time.Duration) []string {
	r.t.Helper()
	m, err := r.s.Beat(r.t.Context(), n, within)
	if err != nil {
		r.t.Fatalf("Beat(%s) = %v", n.Name, err)
	}
	var names []string
	for _, node := range m.Nodes {
		names = append(names, node.Name)
		if node.Name == n.Name && (!slices.Equal(node.Subscribed, n.Subscribed) || node.Seen.IsZero()) {
			r.t.Errorf("Beat(%s) = %+v, want shards %v", n.Name, node, n.Subscribed)
		}
	}
	return names
}

func testBeat(r *rig) {
	t := r.t
	want := func(got []string, names ...string) {
		t.Helper()
		if !slices.Equal(got, names) {
			t.Errorf("nodes %v, want %v", got, names)
		}
	}
	want(r.beat(storage.Node{Name: "b", Subscribed: []schemas.Shard{0, 63}}, time.Hour), "b")
	want(r.beat(storage.Node{Name: "a"}, time.Hour), "a", "b")
	want(r.beat(storage.Node{Name: "b", Subscribed: []schemas.Shard{1}}, time.Hour), "a", "b")
	want(r.beat(storage.Node{Name: "c"}, 0), "c") // the others were heard of before
	for range 2 {
		if err := r.s.Leave(t.Context(), "a"); err != nil {
			t.Errorf("Leave() = %v", err)
		}
	}
	want(r.beat(storage.Node{Name: "b"}, time.Hour), "b", "c")
}

func testBeatEpochs(r *rig) {
	t := r.t
	shard := schemas.ShardOf(alice)
	c, err := r.s.Claim(t.Context(), shard, "another")
	if err != nil {
		t.Fatal(err)
	}
	m, err := r.s.Beat(t.Context(), storage.Node{Name: "a"}, time.Hour)
	if err != nil || len(m.Epochs) != schemas.Shards || m.Epochs[shard] != c.Epoch {
		t.Errorf("Beat() = %d epochs, that of shard %d %d, %v, want %d, %d", len(m.Epochs), shard, m.Epochs[shard], err, schemas.Shards, c.Epoch)
	}
}
