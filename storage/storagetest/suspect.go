package storagetest

import (
	"errors"

	"github.com/ozonecloud/ozone/storage"
)

func testSuspects(r *rig) {
	t, s := r.t, r.s
	u, other := r.of(alice), r.of(bob)
	for tries := 1; tries <= 3; tries++ {
		r.suspected(u, "m", tries)
	}
	r.suspected(u, "n", 1)
	r.suspected(other, "m", 1)
	u.Cleared, other.Cleared = []string{"m", "never tried"}, []string{"m", "m"}
	r.commit(u, other)
	r.suspected(u, "m", 1)
	r.suspected(u, "n", 2)
	r.suspected(other, "m", 1)
	if _, err := s.Claim(t.Context(), u.Shard, "another"); err != nil {
		t.Fatal(err)
	}
	_, err := s.Suspect(t.Context(), u.Shard, u.Epoch, "n")
	if fenced, ok := errors.AsType[*storage.FencedError](err); !ok || len(fenced.Shards) != 1 || fenced.Shards[0] != u.Shard {
		t.Errorf("Suspect() after another claim = %v, want a FencedError of shard %d", err, u.Shard)
	}
	u.Epoch++
	r.suspected(u, "n", 3)
	bad := r.of(bob)
	bad.Cleared = []string{"\x00"}
	r.wantBad(1, r.of(bob), bad)
}

// suspected counts a try, of which there must be so many now.
func (r *rig) suspected(u storage.Unit, id string, want int) {
	r.t.Helper()
	if got, err := r.s.Suspect(r.t.Context(), u.Shard, u.Epoch, id); err != nil || got != want {
		r.t.Errorf("Suspect(%d, %q) = %d, %v, want %d", u.Shard, id, got, err, want)
	}
}
