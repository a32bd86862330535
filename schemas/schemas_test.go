package schemas

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/tests/golden"
)

// The shard of an account is part of the stored form: it may never change.
func TestShardOfAnAccountNeverChanges(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for _, id := range []int64{1, 2, 3, 63, 64, 65, 1000, 1001, 1002, 4711, 65536, 1 << 20, MaxID} {
		fmt.Fprintf(&b, "%10d  account %2d  cluster %2d\n", id, ShardOf(AccountID(id)), ShardOfCluster(ClusterID(id)))
	}
	golden.Compare(t, "shards.golden", b.String())
}

func TestAccountsSpreadOverAllShards(t *testing.T) {
	t.Parallel()
	const accounts = 64_000
	var count [Shards]int
	for id := range AccountID(accounts) {
		s := ShardOf(id + 1)
		if s < 0 || s >= Shards {
			t.Fatalf("ShardOf(%d) = %d, want 0 to %d", id+1, s, Shards-1)
		}
		count[s]++
	}
	for s, n := range count {
		if n < accounts/Shards/2 || n > accounts/Shards*2 {
			t.Errorf("shard %d has %d accounts of %d, want about %d", s, n, accounts, accounts/Shards)
		}
	}
}

func TestSealedPayloadIsOpenedByItsKeyForItsOperationOnly(t *testing.T) {
	t.Parallel()
	key := bytes.Repeat([]byte{7}, SealKeySize)
	s, err := NewSealer(key)
	if err != nil {
		t.Fatal(err)
	}
	secret := Payload{PasswordHash: "$6$canary", Personality: []File{{Path: "/etc/motd", Contents: []byte("canary")}}}
	sealed, err := s.Seal("op-1", secret)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, []byte("canary")) {
		t.Error("the sealed form shows what is in it")
	}
	if got, err := s.Open("op-1", sealed); err != nil || !reflect.DeepEqual(got, secret) {
		t.Errorf("Open = %+v, %v; want what was sealed", got, err)
	}
	if again, _ := s.Seal("op-1", secret); bytes.Equal(again, sealed) {
		t.Error("sealing twice gives the same bytes: the nonce is not random")
	}
	other, err := NewSealer(bytes.Repeat([]byte{8}, SealKeySize))
	if err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Clone(sealed)
	damaged[len(damaged)-1] ^= 1
	tests := []struct {
		sentence string
		s        *Sealer
		op       OperationID
		sealed   []byte
	}{
		{"another operation", s, "op-2", sealed},
		{"another key", other, "op-1", sealed},
		{"a changed bit", s, "op-1", damaged},
		{"a cut form", s, "op-1", sealed[:5]},
		{"nothing", s, "op-1", nil},
	}
	for _, c := range tests {
		if p, err := c.s.Open(c.op, c.sealed); err == nil || p.PasswordHash != "" {
			t.Errorf("%s: Open = %+v, %v; want an error and nothing", c.sentence, p, err)
		}
	}
}

func TestSealerRefusesKeysOfAnotherSize(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 16, 31, 33} {
		if _, err := NewSealer(make([]byte, n)); err == nil {
			t.Errorf("NewSealer(%d bytes) works, want an error", n)
		}
	}
}

func TestDigestTellsCommandsApartUnderItsKey(t *testing.T) {
	t.Parallel()
	digest := func(key byte, text string) string {
		s, err := NewSealer(bytes.Repeat([]byte{key}, SealKeySize))
		if err != nil {
			t.Fatal(err)
		}
		return string(s.Digest([]byte(text)))
	}
	if first, second := digest(1, "a"), digest(1, "a"); first != second {
		t.Error("the same command has two digests")
	}
	if digest(1, "a") == digest(1, "b") || digest(1, "a") == digest(2, "a") {
		t.Error("another command, or another key, has the same digest")
	}
}

func TestErrorfGivesEachKindItsFault(t *testing.T) {
	t.Parallel()
	kinds := []Kind{
		KindInvalid, KindUnauthorized, KindForbidden, KindNotFound, KindMethod, KindMedia, KindConflict, KindLimit, KindCapacity,
		KindUnavailable, KindNotImplemented, KindInternal,
	}
	for _, k := range kinds {
		if err := Errorf(k, "x"); err.Fault == "" || err.Kind != k {
			t.Errorf("Errorf(%s) = %+v, want a fault", k, err)
		}
	}
	if len(faultOf) != len(kinds) {
		t.Errorf("%d kinds have a fault, want %d", len(faultOf), len(kinds))
	}
}

func TestErrorsAreCopiedNotChanged(t *testing.T) {
	t.Parallel()
	first := Errorf(KindConflict, "server is %s", "BUILD")
	second := first.Named(FaultBuildInProgress).Because("operation %d", 7).After(time.Second)
	if first.Fault != FaultCloudServers || first.Details != "" || first.RetryAfter != 0 {
		t.Errorf("the first error is now %+v", first)
	}
	if second.Fault != FaultBuildInProgress || second.Error() != "server is BUILD: operation 7" || second.RetryAfter != time.Second {
		t.Errorf("the second error is %+v (%v)", second, second)
	}
	wrapped := fmt.Errorf("admit: %w", second)
	if e, ok := errors.AsType[*Error](wrapped); !ok || e.Kind != KindConflict {
		t.Errorf("a wrapped error is not found: %v", wrapped)
	}
}

// Two steps that are not repetitions of one another differ in their ids.
func TestStepIDsDiffer(t *testing.T) {
	t.Parallel()
	seen := map[string]Step{}
	for _, op := range []OperationID{"a", "b"} {
		for _, actor := range []Ref{ServerID(1).Ref(), ServerID(11).Ref(), ImageID(1).Ref()} {
			for _, name := range []StepName{StepStop, StepStart, StepCopy, StepCopyDelta} {
				for _, host := range []HostID{1, 11} {
					for _, number := range []int{1, 11} {
						for _, attempt := range []int{1, 11} {
							s := Step{Operation: op, Actor: actor, Name: name, Host: host, Attempt: attempt, Params: StepParams{Copy: number}}
							if other, ok := seen[s.ID()]; ok {
								t.Fatalf("%+v and %+v have the id %s", s, other, s.ID())
							}
							seen[s.ID()] = s
						}
					}
				}
			}
		}
	}
	first := Step{Operation: "a", Actor: ServerID(1).Ref(), Name: StepStop, Host: 1, Attempt: 1, Epoch: 1, Version: 1}
	again := first
	again.Epoch, again.Version = 2, 9
	if first.ID() != again.ID() {
		t.Errorf("the repetition by a new owner has id %s, want %s", again.ID(), first.ID())
	}
}

func TestUnknownMessagesAreErrorsNeverLost(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		t    MessageType
		body string
	}{{"of tomorrow", "{}"}, {TypeAnswer, "{}"}, {"", "{}"}, {TypeCommand, "{"}, {TypeOutcome, `"x"`}} {
		m, err := DecodeMessage(c.t, []byte(c.body))
		if err == nil || m != nil {
			t.Errorf("DecodeMessage(%q, %s) = %v, %v; want an error", c.t, c.body, m, err)
		}
	}
	for _, c := range []struct {
		t       MessageType
		body    string
		foreign bool
	}{
		{"of tomorrow", "{}", true},
		{TypeOutcome, `{"v":2}`, true},
		{TypeStep, `{"v":2,"host":{"of":"tomorrow"}}`, true},
		{TypeStep, `{"v":1,"host":{}}`, false},
		{TypeCommand, "{", false},
	} {
		if _, err := DecodeMessage(c.t, []byte(c.body)); errors.Is(err, ErrForeign) != c.foreign || err == nil {
			t.Errorf("DecodeMessage(%q, %s) = %v, want ErrForeign: %v", c.t, c.body, err, c.foreign)
		}
	}
}

func TestMessagesSayWhoDecidesThem(t *testing.T) {
	t.Parallel()
	tests := []struct {
		m    Message
		want string
	}{
		{&Command{Account: 5, Target: 7}, "account/5"},
		{&Step{Host: 3}, "host/3"},
		{&Outcome{Actor: ImageID(9).Ref()}, "image/9"},
		{&Heartbeat{Host: 3}, "host/3"},
		{&Allocate{Cluster: 2}, "cluster/2"},
		{&Allocated{Server: 7}, "server/7"},
		{&Release{Cluster: 2}, "cluster/2"},
		{&Released{Server: 7}, "server/7"},
		{&Fence{Host: 3}, "host/3"},
		{&HostNotice{Server: 7}, "server/7"},
		{&HostNoted{Host: 3}, "host/3"},
		{&DryRun{Command: Command{Account: 1001}}, "account/1001"},
		{&DryRun{Command: Command{Account: 1001}, Place: &Allocate{Cluster: 2}}, "cluster/2"},
	}
	for _, c := range tests {
		if got := c.m.To().String(); got != c.want {
			t.Errorf("%T goes to %s, want %s", c.m, got, c.want)
		}
	}
}

func TestCleanTextRefusesWhatCannotBeStored(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]bool{"": true, "näme": true, "a\x00b": false, "\xff": false, "日本": true} {
		if got := CleanText(s); got != want {
			t.Errorf("CleanText(%q) = %v, want %v", s, got, want)
		}
	}
}

func TestFlavorsAreDifferentHardware(t *testing.T) {
	t.Parallel()
	seen := map[[3]int64]FlavorID{}
	for _, f := range DefaultFlavors() {
		key := [3]int64{f.RAMMiB, f.DiskGB, f.CPUWeight}
		if other, ok := seen[key]; ok {
			t.Errorf("flavors %d and %d are the same hardware", other, f.ID)
		}
		seen[key] = f.ID
	}
}

// roundTrip decodes a golden line into a new value and encodes it again: what an older version wrote is read whole.
func roundTrip(t *testing.T, v any, line string) {
	t.Helper()
	p := reflect.New(reflect.TypeOf(v).Elem()).Interface()
	d := json.NewDecoder(strings.NewReader(line))
	d.DisallowUnknownFields()
	if err := d.Decode(p); err != nil {
		t.Errorf("decode %T: %v", v, err)
		return
	}
	if again, err := json.Marshal(p); err != nil || string(again) != line {
		t.Errorf("%T comes back as\n%s\nwant\n%s (%v)", v, again, line, err)
	}
}
