package schemas

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/tests/golden"
)

var (
	then = time.Date(2026, 1, 2, 3, 4, 5, 678901234, time.UTC)
	anOp = OperationID("019b7d2e-5f00-7000-8000-000000000001")

	aProbe = &Probe{Type: ProbeHTTP, Port: 80, Path: "/healthz", After: 10 * time.Second, For: 30 * time.Second}
)

// freeze writes each value as one line of JSON behind its name and compares with the golden file; each line is read back.
func freeze(t *testing.T, file string, values ...any) {
	t.Helper()
	var b strings.Builder
	for i := 0; i < len(values); i += 2 {
		line, err := json.Marshal(values[i+1])
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%-24s %s\n", values[i], line)
		roundTrip(t, values[i+1], string(line))
	}
	golden.Compare(t, file, b.String())
}

func TestWireFormOfCommands(t *testing.T) {
	t.Parallel()
	order := func(a Action, target int64, p Params) *Command {
		return &Command{V: MessageV, ID: anOp, Action: a, Account: 1001, Target: target, Params: p, Created: then, Expires: then.Add(29 * time.Second)}
	}
	create := order(ServerCreate, 0, Params{Name: new("web"), Image: 1, Flavor: 2, Metadata: map[string]string{"a": "b"}})
	create.Key, create.Digest, create.Payload = []byte{1, 2}, []byte{3, 4}, []byte{5, 6}
	freeze(t, "commands.golden",
		"create", create,
		"rename", order(ServerUpdate, 1234, Params{Name: new("db")}),
		"password", order(ServerUpdate, 1234, Params{Password: true}),
		"delete", order(ServerDelete, 1234, Params{}),
		"reboot soft", order(ServerReboot, 1234, Params{}),
		"reboot hard", order(ServerReboot, 1234, Params{Hard: true}),
		"rebuild", order(ServerRebuild, 1234, Params{Image: 2}),
		"resize", order(ServerResize, 1234, Params{Flavor: 3}),
		"resize with a probe", order(ServerResize, 1234, Params{Flavor: 3, Probe: aProbe}),
		"confirm", order(ServerResizeConfirm, 1234, Params{}),
		"revert", order(ServerResizeRevert, 1234, Params{}),
		"image", order(ServerImage, 0, Params{Name: new("daily"), Server: 1234}),
		"delete image", order(ImageDelete, 5678, Params{}),
		"set backups", order(BackupSet, 1234, Params{Backups: &BackupSchedule{Enabled: true, Weekly: "THURSDAY", Daily: "H_0400_0600"}}),
		"disable backups", order(BackupDisable, 1234, Params{}),
		"suspend", order(ServerSuspend, 1234, Params{}),
		"resume", order(ServerResume, 1234, Params{}),
		"rescue", order(ServerRescue, 1234, Params{}),
		"unrescue", order(ServerUnrescue, 1234, Params{}),
	)
}

func TestWireFormOfSteps(t *testing.T) {
	t.Parallel()
	flavor := DefaultFlavors()[1]
	step := func(name StepName, actor Ref, p StepParams) *Step {
		p.Server, p.Copy = 1234, 1
		return &Step{
			V: MessageV, Operation: anOp, Name: name, Attempt: 1, Host: 7, Shard: 12, Actor: actor, Account: 1001, Epoch: 3, Version: 45,
			Timeout: 2 * time.Minute, Params: p,
		}
	}
	server := ServerID(1234).Ref()
	disk := StepParams{Image: 1, Flavor: &flavor, Public: []string{"198.18.0.1"}, Private: []string{"10.0.0.1"}, Name: "web"}
	secret := disk
	secret.WantsPayload, secret.Payload = true, []byte{1, 2, 3}
	moved := disk
	moved.SourceHost, moved.SourceCopy = 6, 1
	together := step(StepFetchImage, server, secret)
	together.Then = []NextStep{{StepCreateDisk, 5 * time.Minute}, {StepStart, 2 * time.Minute}}
	freeze(t, "steps.golden",
		"fetch_image, create_disk and start together", together,
		"fetch_image", step(StepFetchImage, server, disk),
		"create_disk", step(StepCreateDisk, server, secret),
		"start", step(StepStart, server, disk),
		"stop", step(StepStop, server, disk),
		"wipe", step(StepWipe, server, disk),
		"restart_soft", step(StepRestartSoft, server, disk),
		"restart_hard", step(StepRestartHard, server, disk),
		"set_password", step(StepSetPassword, server, secret),
		"snapshot", step(StepSnapshot, server, disk),
		"copy", step(StepCopy, server, moved),
		"copy_delta", step(StepCopyDelta, server, moved),
		"save", step(StepSave, ImageID(5678).Ref(), StepParams{Image: 5678, Name: "daily"}),
		"probe", step(StepProbe, server, StepParams{Public: []string{"198.18.0.1"}, Probe: aProbe, Metadata: map[string]string{"a": "b"}}),
		"remove", step(StepRemove, ImageID(5678).Ref(), StepParams{Image: 5678, Name: "daily"}),
	)
}

func TestWireFormOfOutcomesAndAnswers(t *testing.T) {
	t.Parallel()
	outcome := func(f *StepFailure) *Outcome {
		return &Outcome{
			V: MessageV, Operation: anOp, Name: StepStart, Attempt: 2, Host: 7, Copy: 1, Actor: ServerID(1234).Ref(), Account: 1001, Failure: f,
		}
	}
	var values []any
	values = append(values, "outcome done", outcome(nil))
	for _, r := range []FailureReason{FailureFault, FailureNoSpace, FailureNoImage, FailureFenced, FailureUnknown, FailureMissing, FailureUnhealthy} {
		values = append(values, "outcome "+string(r), outcome(&StepFailure{Reason: r, Message: "why"}))
	}
	refused := Errorf(KindConflict, "cannot resize: server is BUILD").Named(FaultBuildInProgress).Because("wait").After(time.Second)
	values = append(values,
		"answer accepted", &Answer{V: MessageV, Operation: anOp, Target: ServerID(1234).Ref(), Representation: []byte(`{"id":1234}`)},
		"answer repeated", &Answer{V: MessageV, Operation: anOp, Target: ServerID(1234).Ref(), Repeated: true},
		"answer to a dry run", &Answer{V: MessageV, Operation: anOp, Forecast: &Forecast{Action: ServerCreate, Target: ServerID(0).Ref(), Status: "BUILD", UsedRAMMiB: 256, Placed: true}},
		"answer refused", &Answer{V: MessageV, Operation: anOp, Target: ServerID(1234).Ref(), Fault: refused},
	)
	freeze(t, "answers.golden", values...)
}

func TestWireFormOfRequestsBetweenShards(t *testing.T) {
	t.Parallel()
	flavor := DefaultFlavors()[1]
	dry := &DryRun{V: MessageV, Command: Command{V: MessageV, ID: anOp, Action: ServerResize, Account: 1001, Target: 1234, Params: Params{Flavor: 3}, Created: then, Expires: then.Add(time.Minute)}}
	placed := *dry
	placed.ReplyTo, placed.Clusters = "ozone.replies.e1", []ClusterID{1, 2}
	placed.Place = &Allocate{V: MessageV, Operation: anOp, Cluster: 1, Account: 1001, Server: 1234, Copy: 2, Flavor: flavor, Avoid: 7}
	placed.Forecast = &Forecast{Action: ServerResize, Target: ServerID(1234).Ref(), Status: "QUEUE_RESIZE", UsedRAMMiB: 1024, RAMLimitMiB: 51200}
	freeze(t, "requests.golden",
		"dry run", dry,
		"dry run: place", &placed,
		"allocate", &Allocate{V: MessageV, Operation: anOp, Cluster: 1, Account: 1001, Server: 1234, Copy: 2, Flavor: flavor, Addresses: true, Avoid: 7},
		"allocated", &Allocated{
			V: MessageV, Operation: anOp, Account: 1001, Server: 1234, Copy: 2, Cluster: 1, Host: 7, Public: []string{"198.18.0.1"}, Private: []string{"10.0.0.1"},
		},
		"allocated: refused", &Allocated{V: MessageV, Operation: anOp, Account: 1001, Server: 1234, Copy: 2, Cluster: 1, Refused: Errorf(KindCapacity, "no room")},
		"release", &Release{V: MessageV, Operation: anOp, Cluster: 1, Account: 1001, Server: 1234, Copy: 2, Addresses: true},
		"released", &Released{V: MessageV, Operation: anOp, Account: 1001, Server: 1234, Copy: 2, Cluster: 1},
		"heartbeat", &Heartbeat{V: MessageV, Host: 7, Cluster: 1, Name: "sim-7", RAMMiB: 65536, DiskGB: 2000},
		"fence", &Fence{V: MessageV, Host: 7, Cluster: 1},
		"notice", &HostNotice{V: MessageV, Host: 7, Cluster: 1, Account: 1001, Server: 1234, State: HostLost, Change: 3},
		"noted", &HostNoted{V: MessageV, Host: 7, Cluster: 1, Server: 1234, Change: 3},
	)
}

func TestWireFormOfTheTenantsBus(t *testing.T) {
	t.Parallel()
	freeze(t, "tenants.golden",
		TypeCommandAccepted, &CommandAccepted{Operation: anOp, Target: ServerID(1234).Ref(), Representation: json.RawMessage(`{"id":1234}`)},
		TypeCommandAccepted+", no create", &CommandAccepted{Operation: anOp, Target: ServerID(1234).Ref()},
		TypeCommandRejected, &CommandRejected{Fault: FaultOverLimit, Message: "m", Details: "d", RetryAfter: 42},
		TypeCommandRejected+", least", &CommandRejected{Fault: FaultBadRequest, Message: "m"},
	)
}

func TestWireFormOfOperationsAndEvents(t *testing.T) {
	t.Parallel()
	later := then.Add(time.Minute)
	op := Operation{
		ID: anOp, Action: ServerResize, State: OperationRunning, Target: ServerID(1234).Ref(), Step: StepCopy, StepIndex: 2, StepCount: 5,
		Attempt: 1, Percent: 20, Created: then, Updated: then, Deadline: &later,
	}
	own := op
	own.Action, own.Reason = ServerResizeRevert, "probe tcp:80 did not hold"
	failed := op
	failed.State, failed.Step, failed.Deadline, failed.Ended = OperationFailed, "", nil, &later
	failed.Error = &OperationError{Fault: FaultCloudServers, Message: "step copy failed", Details: "no_space", Retryable: true}
	freeze(t, "operations.golden",
		"running", &op,
		"begun by itself", &own,
		"failed", &failed,
		"queued", &Operation{ID: anOp, Action: ServerCreate, State: OperationQueued, Target: ServerID(0).Ref(), Created: then, Updated: then},
		"event", &Event{
			SpecVersion: "1.0", ID: "server-1234-17", Source: "/ozone/servers/1234", Type: "ozone.server.resize.error", Subject: "operations/" + string(anOp),
			Time: then, RecordedTime: then, Sequence: "00000000000000000017", PartitionKey: "server-1234", CorrelationID: anOp, CausationID: "x",
			TraceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", DataSchema: "v1", Account: "1001",
			Data: EventData{
				Server: json.RawMessage(`{"status":"ACTIVE"}`), Before: json.RawMessage(`{"status":"RESIZE"}`), Error: failed.Error,
				Operation: &EventOperation{ID: anOp, Action: ServerResize, Step: StepCopy, StepIndex: 2, StepCount: 5, Percent: 20, Attempt: 1},
			},
		},
		"event of what is gone", &Event{Data: EventData{Image: json.RawMessage("null")}},
	)
}

func TestStoredFormOfStates(t *testing.T) {
	t.Parallel()
	cursor := &Cursor{
		Operation: anOp, Action: ServerResize, Plan: "resize", Step: StepCopy, Attempt: 1, Deadline: then, Expires: then,
		Failure: &OperationError{Fault: FaultCloudServers, Message: "m"}, Flavor: 3, Image: 1, Cluster: 1, Probe: aProbe,
	}
	place := Placement{Cluster: 1, Host: 7, Copy: 1, Flavor: 2, Gone: true, Change: 3}
	waiting := &Waiting{Operation: anOp, Step: StepStart, Attempt: 1, Host: 7, Copy: 1}
	slot := &BackupSlot{Kind: BackupDaily, Start: then}
	freeze(t, "states.golden",
		"server, least", &Server{V: StateV, ID: 1234, Account: 1001, Name: "web", Image: 1, Flavor: 2, Status: StatusActive, Created: then, Updated: then},
		"server, most", &Server{
			V: StateV, ID: 1234, Account: 1001, Name: "web", Metadata: map[string]string{"a": "b"}, Image: 1, Flavor: 3, Status: StatusResize,
			Former: StatusActive, Progress: 20, Reason: "why", Hidden: true, Home: place, Other: &place, Copies: 2, Public: []string{"198.18.0.1"},
			Private: []string{"10.0.0.1"}, Cursor: cursor,
			Cleanups: []Cleanup{{Operation: anOp, Ends: ServerDelete, Place: place, Step: StepWipe, Attempt: 2, RetryAt: then}},
			Backups: &Backups{
				Schedule: BackupSchedule{Enabled: true, Weekly: "THURSDAY", Daily: "H_0400_0600"},
				Halves:   map[BackupKind]BackupHalf{BackupDaily: {Settled: then, Good: 5678}, BackupWeekly: {Settled: then}},
			},
			Unsettled: waiting, Imaging: &Imaging{Image: 5678, Operation: anOp, Slot: slot}, Images: []ImageID{5678}, ConfirmAt: then, QuotaRAMMiB: 1024,
			Probe:    &Probing{Probe: *aProbe, Operation: anOp, Attempt: 3, Tries: 1, Next: then, Deadline: then, Healthy: then},
			Sequence: 17, Created: then, Updated: then,
		},
		"image, least", &Image{V: StateV, ID: 1, Name: "Ubuntu", Status: ImageActive, Created: then, Updated: then},
		"image, most", &Image{
			V: StateV, ID: 5678, Account: 1001, Name: "daily", Server: 1234, Status: ImageSaving, Progress: 50, Host: 7, Copy: 1, Cursor: cursor,
			Slot: slot, Sequence: 3, Created: then, Updated: then,
		},
		"account, least", &Account{V: StateV, ID: 1001, Name: "demo", RAMLimitMiB: DefaultRAMLimitMiB},
		"account, most", &Account{
			V: StateV, ID: 1001, Name: "demo", RAMLimitMiB: DefaultRAMLimitMiB, UsedRAMMiB: 512, Servers: 1,
			Pending: map[OperationID]Quota{anOp: {RAMMiB: 512, Servers: 1}},
		},
		"cluster", &Cluster{V: StateV, ID: 1, Public: Pool{CIDR: "198.18.0.0/15", Next: 7}, Private: Pool{CIDR: "10.0.0.0/8", Next: 8}},
		"host", &Host{
			V: StateV, ID: 7, Cluster: 1, Name: "sim-7", State: HostUp, RAMMiB: 65536, DiskGB: 2000, Sequence: 2, Updated: then, LastSeen: then,
		},
		"reservation", &Reservation{
			Cluster: 1, Host: 7, Account: 1001, Server: 1234, Copy: 1, Operation: anOp, RAMMiB: 512, DiskGB: 20, Released: true,
		},
		"address", &Address{IP: "198.18.0.1", Cluster: 1, Public: true, Server: 1234, FreeAt: then},
		"payload", &Payload{PasswordHash: "$6$", Personality: []File{{Path: "/etc/motd", Contents: []byte("x")}}},
	)
}

func TestViewsShowWhatTheContractSays(t *testing.T) {
	t.Parallel()
	base := (&Image{ID: 1, Name: "Ubuntu", Status: ImageActive, Created: then, Updated: then}).View()
	mine := (&Image{ID: 5678, Name: "daily", Server: 1234, Status: ImageSaving, Progress: 50, Created: then, Updated: then}).View()
	freeze(t, "views.golden",
		"base image", &base,
		"image of a server", &mine,
		"server", &ServerView{
			ID: 1234, Name: "web", ImageID: 1, FlavorID: 2, HostID: "0123456789abcdef0123456789abcdef", Status: StatusActive, Progress: 100,
			Addresses: AddressesView{Public: []string{"198.18.0.1"}, Private: []string{}}, Metadata: map[string]string{},
		},
	)
}

// Every status of the contract is passing or resting, and only those that nothing emits are in no row.
func TestStatusesAreKnown(t *testing.T) {
	t.Parallel()
	rows := map[Status]bool{}
	for _, r := range ServerTable() {
		rows[r.From], rows[r.To] = true, true
	}
	silent := []Status{
		StatusRestoring, StatusAddIP, StatusAddIPNoConfig, StatusQueueMove, StatusPrepMove, StatusMove, StatusVerifyMove, StatusPending,
	}
	for _, s := range silent {
		if rows[s] {
			t.Errorf("%s has rows; nothing is to emit it", s)
		}
	}
	for _, s := range []OperationState{OperationSucceeded, OperationFailed, OperationCancelled, OperationRejected, OperationExpired} {
		if !s.Terminal() {
			t.Errorf("%s is not terminal", s)
		}
	}
	for _, s := range []OperationState{OperationQueued, OperationAdmitting, OperationRunning} {
		if s.Terminal() {
			t.Errorf("%s is terminal", s)
		}
	}
	for s, want := range map[OperationState]bool{
		OperationRunning: true, OperationSucceeded: true, OperationFailed: true, OperationCancelled: true,
		OperationQueued: false, OperationAdmitting: false, OperationRejected: false, OperationExpired: false,
	} {
		if s.Accepted() != want {
			t.Errorf("%s: accepted is %v, want %v", s, s.Accepted(), want)
		}
	}
}

func TestTraceContextIsWholeOrNone(t *testing.T) {
	t.Parallel()
	const good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	if !ValidTraceParent(good) {
		t.Errorf("ValidTraceParent(%q) = false", good)
	}
	for _, bad := range []string{
		"", good + "-x", "ff" + good[2:], "00-" + strings.Repeat("0", 32) + good[35:], good[:36] + strings.Repeat("0", 16) + good[52:], strings.ToUpper(good),
	} {
		if ValidTraceParent(bad) {
			t.Errorf("ValidTraceParent(%q) = true", bad)
		}
	}
}
