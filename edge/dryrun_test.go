package edge_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/ozonecloud/ozone/schemas"
)

const forecast = `{"dry_run":{"action":"server.resize","target":{"kind":"server","id":12},"status":"QUEUE_RESIZE","quota":{"ram_used":1024,"ram_limit":51200,"ram_left":50176},"placed":true}}`

// foresee makes the engine answer every dry run with a forecast.
func (r *rig) foresee() {
	r.answers(func(cmd *schemas.Command) *schemas.Answer {
		return &schemas.Answer{V: 1, Operation: cmd.ID, Forecast: &schemas.Forecast{
			Action: schemas.ServerResize, Target: schemas.ServerID(12).Ref(), Status: "QUEUE_RESIZE", UsedRAMMiB: 1024, RAMLimitMiB: 51200, Placed: true,
		}}
	})
}

func TestEveryWriteCanBeTriedDry(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.foresee()
	for _, c := range writes {
		res := r.do(c.method, "/ozone/v1/1001"+c.path+"?dry_run=true", c.body, "Idempotency-Key: k", "Prefer: respond-async")
		if res.status != 200 || res.body != forecast || !r.tried() {
			t.Errorf("%s %s %s = %d %s, tried %v; want 200 %s", c.method, c.path, c.body, res.status, res.body, r.tried(), forecast)
			continue
		}
		if op := res.header.Get("X-Ozone-Operation"); op != "" {
			t.Errorf("%s %s names the operation %s, which there is not", c.method, c.path, op)
		}
		got, want := r.last(), c.command
		want.V, want.ID, want.Account, want.Created, want.Expires, want.Digest = 1, got.ID, account, got.Created, got.Expires, got.Digest
		if !bytes.Equal(mustJSON(got), mustJSON(want)) {
			t.Errorf("%s %s: command is\n%s\nwant, without key and secrets,\n%s", c.method, c.path, mustJSON(got), mustJSON(want))
		}
	}
}

func TestTheSameWritesAreDoneWithoutDryRun(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for _, c := range writes {
		if res := r.do(c.method, "/ozone/v1/1001"+c.path+"?dry_run=false", c.body); res.status != c.status || r.tried() || r.last().Action != c.command.Action {
			t.Errorf("%s %s %s = %d %s, want %d as in v1.0", c.method, c.path, c.body, res.status, res.body, c.status)
		}
	}
	if res := r.do("POST", "/v1.0/1001/servers?dry_run=true", createBody); res.status != 202 || r.tried() {
		t.Errorf("POST to v1.0 with dry_run = %d %s, want 202: v1.0 ignores what it does not know", res.status, res.body)
	}
}

func TestADryRunThatIsRefusedShowsTheFault(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.answers(func(cmd *schemas.Command) *schemas.Answer {
		return &schemas.Answer{Operation: cmd.ID, Fault: schemas.Errorf(schemas.KindCapacity, "no host has room for flavor 3").Because("too little RAM")}
	})
	dry := r.do("POST", "/ozone/v1/1001/servers/12/action?dry_run=true", `{"resize":{"flavorId":3}}`)
	done := r.do("POST", "/v1.0/1001/servers/12/action", `{"resize":{"flavorId":3}}`)
	if dry.status != 503 || dry.status != done.status || dry.body != done.body || dry.header.Get("Retry-After") != done.header.Get("Retry-After") {
		t.Errorf("dry = %d %s, real = %d %s: want the same", dry.status, dry.body, done.status, done.body)
	}
	r.answers(func(cmd *schemas.Command) *schemas.Answer { return &schemas.Answer{Operation: cmd.ID} })
	if res := r.do("DELETE", "/ozone/v1/1001/servers/12?dry_run=true", ""); res.status != 503 {
		t.Errorf("an answer without a forecast = %d %s, want 503", res.status, res.body)
	}
}

func TestTheNamespaceOzoneRefusesWhatNobodyKnows(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for request, body := range map[string]string{
		"POST /servers":                            `{"server":{"imageId":1,"flavorId":2,"colour":"red"}}`,
		"POST /servers?a":                          `{"server":{"imageId":1,"flavorId":2,"adminPass":"mine"}}`,
		"POST /servers?b":                          `{"server":{"imageId":1,"flavorId":2},"more":1}`,
		"POST /servers?dry_run=maybe":              createBody,
		"PUT /servers/12":                          `{"server":{"name":"n","status":"ACTIVE"}}`,
		"POST /servers/12/action":                  `{"reboot":{"type":"HARD","now":true}}`,
		"POST /servers/12/action?a":                `{"confirmResize":{"now":true}}`,
		"PUT /servers/12/ips/public/198.18.0.7":    `{"shareIp":{"sharedIpGroupId":3,"x":1}}`,
		"POST /servers/12/backup_schedule":         `{"backupSchedule":{"enabled":true,"daily":"H_0400_0600","monthly":"x"}}`,
		"POST /images":                             `{"image":{"serverId":12,"size":1}}`,
		"POST /shared_ip_groups":                   `{"sharedIpGroup":{"name":"g","servers":[1]}}`,
		"DELETE /servers/12?force=yes":             "",
		"DELETE /images/7?dry_run=1":               "",
		"DELETE /servers/12?force=true&dry_run=on": "",
	} {
		method, path, _ := strings.Cut(request, " ")
		if res := r.do(method, "/ozone/v1/1001"+path, body); res.status != 400 || r.last() != nil {
			t.Errorf("%s %s = %d %s, want 400 and no command", request, body, res.status, res.body)
		}
	}
}
