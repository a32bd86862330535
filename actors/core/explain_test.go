package core

import (
	"reflect"
	"testing"

	"github.com/ozonecloud/ozone/schemas"
)

func TestAnOperatorIsToldTheReasonOfEachHost(t *testing.T) {
	t.Parallel()
	lost, fenced := hostUp(2, 64000, 6000), hostUp(3, 64000, 6000)
	lost.State, fenced.State = schemas.HostLost, schemas.HostFenced
	hosts := []schemas.Host{hostUp(4, 9000, 15), fenced, lost, hostUp(1, 1500, 900), hostUp(5, 64000, 6000)}
	hosts[3].Name = "rack-1"
	held := []schemas.Reservation{{Cluster: 1, Host: 1, Account: 1001, Server: 7, Copy: 1, Operation: "op", RAMMiB: 1024, DiskGB: 40}}
	flavors := newRig(t).rules.Flavors
	got := Explain(1, hosts, held, flavors, flavors[3])
	want := []Verdict{
		{Host: 1, Cluster: 1, Name: "rack-1", FreeRAMMiB: 476, FreeDiskGB: 860, Reason: "too little RAM", Largest: 1},
		{Host: 2, Cluster: 1, FreeRAMMiB: 64000, FreeDiskGB: 6000, Reason: "not answering"},
		{Host: 3, Cluster: 1, FreeRAMMiB: 64000, FreeDiskGB: 6000, Reason: "out of service"},
		{Host: 4, Cluster: 1, FreeRAMMiB: 9000, FreeDiskGB: 15, Reason: "too little disk", Largest: 1},
		{Host: 5, Cluster: 1, FreeRAMMiB: 64000, FreeDiskGB: 6000, Largest: 7},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("verdicts\n%+v\nwant\n%+v", got, want)
	}
}
