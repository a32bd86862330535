package edge_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/edge"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
	"github.com/ozonecloud/ozone/tests/golden"
)

const createBody = `{"server":{"name":"web","imageId":1,"flavorId":"2","metadata":{"k":"v"},"personality":[{"path":"/etc/motd","contents":"aGVs\n bG8="}]}}`

// writes are every write of v1.0, with what an accepted one answers and what the actors are told.
var writes = []struct {
	method, path, body string
	status             int
	command            schemas.Command
}{
	{"POST", "/servers", createBody, 202, schemas.Command{Action: schemas.ServerCreate, Params: schemas.Params{
		Name: new("web"), Image: 1, Flavor: 2, Metadata: map[string]string{"k": "v"},
	}}},
	{"PUT", "/servers/12", `{"server":{"name":"n"}}`, 204, schemas.Command{Action: schemas.ServerUpdate, Target: 12, Params: schemas.Params{Name: new("n")}}},
	{"PUT", "/servers/12", `{"server":{"adminPass":"p"}}`, 204, schemas.Command{Action: schemas.ServerUpdate, Target: 12, Params: schemas.Params{Password: true}}},
	{"DELETE", "/servers/12", "", 202, schemas.Command{Action: schemas.ServerDelete, Target: 12}},
	{"POST", "/servers/12/action", `{"reboot":{"type":"SOFT"}}`, 202, schemas.Command{Action: schemas.ServerReboot, Target: 12}},
	{"POST", "/servers/12/action.json", `{"reboot":{"type":"HARD"}}`, 202, schemas.Command{Action: schemas.ServerReboot, Target: 12, Params: schemas.Params{Hard: true}}},
	{"POST", "/servers/12/action", `{"rebuild":{"imageId":3}}`, 202, schemas.Command{Action: schemas.ServerRebuild, Target: 12, Params: schemas.Params{Image: 3}}},
	{"POST", "/servers/12/action", `{"rebuild":{}}`, 202, schemas.Command{Action: schemas.ServerRebuild, Target: 12}},
	{"POST", "/servers/12/action", `{"resize":{"flavorId":3}}`, 202, schemas.Command{Action: schemas.ServerResize, Target: 12, Params: schemas.Params{Flavor: 3}}},
	{"POST", "/servers/12/action", `{"confirmResize":null}`, 204, schemas.Command{Action: schemas.ServerResizeConfirm, Target: 12}},
	{"POST", "/servers/12/action", `{"confirmResize":""}`, 204, schemas.Command{Action: schemas.ServerResizeConfirm, Target: 12}},
	{"POST", "/servers/12/action", `{"revertResize":{}}`, 202, schemas.Command{Action: schemas.ServerResizeRevert, Target: 12}},
	{"POST", "/images", `{"image":{"serverId":12,"name":"snap"}}`, 202, schemas.Command{Action: schemas.ServerImage, Target: 12, Params: schemas.Params{Name: new("snap"), Server: 12}}},
	{"DELETE", "/images/7", "", 204, schemas.Command{Action: schemas.ImageDelete, Target: 7}},
}

func TestWritesBecomeCommands(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for _, c := range writes {
		before := time.Now()
		res := r.do(c.method, "/v1.0/1001"+c.path, c.body)
		got := r.last()
		if res.status != c.status || got == nil {
			t.Errorf("%s %s %s = %d %s, want %d", c.method, c.path, c.body, res.status, res.body, c.status)
			continue
		}
		if id := res.header.Get("X-Ozone-Operation"); id != string(got.ID) {
			t.Errorf("%s %s: X-Ozone-Operation = %q, want %q", c.method, c.path, id, got.ID)
		}
		if c.status == 202 && res.header.Get("Content-Length") == "" {
			t.Errorf("%s %s: a 202 without Content-Length", c.method, c.path)
		}
		want := c.command
		want.V, want.ID, want.Account, want.Created, want.Expires = 1, got.ID, account, got.Created, got.Expires
		want.Digest, want.Payload = got.Digest, got.Payload
		if !bytes.Equal(mustJSON(got), mustJSON(want)) {
			t.Errorf("%s %s: command is\n%s\nwant\n%s", c.method, c.path, mustJSON(got), mustJSON(want))
		}
		if d := got.Expires.Sub(before); d < 8*time.Second || d > 9*time.Second+time.Since(before) {
			t.Errorf("%s %s: expires after %v, want 9 s", c.method, c.path, d)
		}
		if _, made, ok := edge.ParseOperationID(string(got.ID)); !ok || made.Before(before.Add(-time.Second)) {
			t.Errorf("%s %s: operation id %q of %v", c.method, c.path, got.ID, made)
		}
	}
}

func TestCreateShowsItsPasswordOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	var first struct {
		Server schemas.ServerView `json:"server"`
	}
	res := r.do("POST", "/v1.0/1001/servers", createBody)
	if err := json.Unmarshal([]byte(res.body), &first); err != nil || len(first.Server.AdminPass) < 12 || first.Server.ID != 12 {
		t.Fatalf("POST = %d %s, %v", res.status, res.body, err)
	}
	sealer, _ := schemas.NewSealer(bytes.Repeat([]byte{7}, schemas.SealKeySize))
	p, err := sealer.Open(r.last().ID, r.last().Payload)
	if err != nil || !strings.HasPrefix(p.PasswordHash, "$5$rounds=1000$") {
		t.Fatalf("payload = %+v, %v", p, err)
	}
	if len(p.Personality) != 1 || string(p.Personality[0].Contents) != "hello" {
		t.Errorf("personality = %+v", p.Personality)
	}
	r.answers(func(cmd *schemas.Command) *schemas.Answer {
		return &schemas.Answer{Operation: cmd.ID, Target: schemas.ServerID(12).Ref()}
	})
	if res := r.do("POST", "/v1.0/1001/servers", createBody); !strings.HasPrefix(res.body, `{"server":{"id":12,"adminPass":"`) {
		t.Errorf("POST without a representation = %d %s", res.status, res.body)
	}
	r.answers(func(*schemas.Command) *schemas.Answer {
		return &schemas.Answer{Operation: "first", Repeated: true, Representation: []byte(rendered)}
	})
	again := r.do("POST", "/v1.0/1001/servers", createBody)
	if again.status != 202 || strings.Contains(again.body, "adminPass") || again.header.Get("X-Ozone-Operation") != "first" {
		t.Errorf("repeated POST = %d %s, operation %s", again.status, again.body, again.header.Get("X-Ozone-Operation"))
	}
}

func TestDigestCoversWhatTheClientSent(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	seen := map[string]string{}
	for _, body := range []string{
		createBody,
		strings.Replace(createBody, "aGVs", "aGVz", 1),
		strings.Replace(createBody, "/etc/motd", "/etc/motu", 1),
		strings.Replace(createBody, `"v"`, `"w"`, 1),
		strings.Replace(createBody, `"web"`, `"wed"`, 1),
	} {
		r.do("POST", "/v1.0/1001/servers", body)
		digest := string(r.last().Digest)
		r.do("POST", "/v1.0/1001/servers.json", strings.Replace(body, `"imageId":1`, ` "imageId" : "1"`, 1), "Idempotency-Key: a")
		if string(r.last().Digest) != digest {
			t.Errorf("two forms of %s have different digests", body)
		}
		if twin, ok := seen[digest]; ok {
			t.Errorf("%s has the digest of %s", body, twin)
		}
		seen[digest] = body
	}
	r.do("PUT", "/v1.0/1001/servers/12", `{"server":{"adminPass":"one"}}`)
	one := string(r.last().Digest)
	r.do("PUT", "/v1.0/1001/servers/12", `{"server":{"adminPass":"two"}}`)
	if string(r.last().Digest) == one {
		t.Error("two passwords have the same digest")
	}
}

func TestIdempotencyKeyTravelsAsItsHash(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	hash := sha256.Sum256([]byte("my-key"))
	for _, header := range []string{"my-key", `"my-key"`} {
		r.do("DELETE", "/v1.0/1001/servers/12", "", "Idempotency-Key: "+header)
		if !bytes.Equal(r.last().Key, hash[:]) {
			t.Errorf("Idempotency-Key: %s travels as %x", header, r.last().Key)
		}
	}
	for _, header := range []string{"", `""`, strings.Repeat("k", 65), "a b", "k\xc3\xbc", "one\r\nIdempotency-Key: two"} {
		if res := r.do("DELETE", "/v1.0/1001/servers/12", "", "Idempotency-Key: "+header); res.status != 400 {
			t.Errorf("Idempotency-Key: %q = %d, want 400", header, res.status)
		}
	}
}

func TestRefusalsAreFaultsThatNameTheirOperation(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *edge.Config) {
		c.Now = func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }
	})
	var doc strings.Builder
	for _, e := range []*schemas.Error{
		schemas.Errorf(schemas.KindInvalid, "The image is not ACTIVE."),
		schemas.Errorf(schemas.KindUnauthorized, "Invalid authentication token. Please renew."),
		schemas.Errorf(schemas.KindForbidden, "The server has that flavor already."),
		schemas.Errorf(schemas.KindNotFound, "There is no such image."),
		schemas.Errorf(schemas.KindMethod, "This path does not take that method."),
		schemas.Errorf(schemas.KindMedia, "The request body must be JSON or XML."),
		schemas.Errorf(schemas.KindConflict, "The server is REBOOT."),
		schemas.Errorf(schemas.KindConflict, "The server is BUILD.").Named(schemas.FaultBuildInProgress),
		schemas.Errorf(schemas.KindConflict, "The server is RESIZE.").Named(schemas.FaultBackupOrResize).Because("step %s", "copy"),
		schemas.Errorf(schemas.KindLimit, "The account has no RAM left."),
		schemas.Errorf(schemas.KindLimit, "Too many requests.").After(90 * time.Second),
		schemas.Errorf(schemas.KindCapacity, "No host has room for that flavor."),
		schemas.Errorf(schemas.KindUnavailable, "Not now.").After(1500 * time.Millisecond),
		schemas.Errorf(schemas.KindNotImplemented, "Nobody does that."),
		schemas.Errorf(schemas.KindInternal, "host 7 lost its mind"),
	} {
		r.answers(func(cmd *schemas.Command) *schemas.Answer { return &schemas.Answer{Operation: cmd.ID, Fault: e} })
		for _, path := range []string{"/v1.0/1001/servers/12.json", "/v1.0/1001/servers/12.xml"} {
			res := r.do("DELETE", path, "")
			if got := res.header.Get("X-Ozone-Operation"); got != string(r.last().ID) {
				t.Errorf("%v: X-Ozone-Operation = %q", e, got)
			}
			writeAnswer(&doc, res, "Retry-After", "Reply-After")
		}
	}
	golden.Compare(t, "faults.txt", doc.String())
}

func TestAUsedKeyIsAConflictOutsideV10(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.answers(func(cmd *schemas.Command) *schemas.Answer {
		return &schemas.Answer{Operation: cmd.ID, Fault: schemas.ErrKeyUsed.Because("operation x has it")}
	})
	for path, want := range map[string]int{"/v1.0/1001/images/12": 400, "/ozone/v1/1001/images/12": 409} {
		if res := r.do("DELETE", path, "", "Idempotency-Key: k"); res.status != want || !strings.Contains(res.body, "operation x") {
			t.Errorf("DELETE %s = %d %s, want %d", path, res.status, res.body, want)
		}
	}
}

func TestBadBodiesReachNobody(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for _, c := range []struct {
		method, path, body string
		status             int
		headers            []string
	}{
		{"POST", "/servers", "", 415, nil},
		{"POST", "/servers", "", 400, []string{"Content-Type: application/json"}},
		{"POST", "/servers", "{}", 415, []string{"Content-Type: application/x-www-form-urlencoded"}},
		{"POST", "/servers", "<server/>", 400, []string{"Content-Type: application/xml"}},
		{"POST", "/servers", " <server/>", 400, []string{"Content-Type: "}},
		{"POST", "/servers", "<server/>", 400, []string{"Content-Type: application/json"}},
		{"POST", "/servers", "<server/>", 415, []string{"Content-Type: text/xml"}},
		{"POST", "/servers", "<server/>", 415, []string{"Content-Type: application/xml; charset=ISO-8859-1"}},
		{"POST", "/servers", "<server/>", 400, []string{`Content-Type: Application/XML; charset="utf-8"`}},
		{"POST", "/servers", createBody, 400, []string{"Content-Type: application/xml"}},
		{"POST", "/servers", "plain", 415, []string{"Content-Type: "}},
		{"POST", "/servers", `<server imageId="1" flavorId="1"/><server/>`, 400, []string{"Content-Type: application/xml"}},
		{"POST", "/servers", `<!DOCTYPE server><server imageId="1" flavorId="1"/>`, 400, []string{"Content-Type: application/xml"}},
		{"POST", "/servers", `<server xmlns="urn:x" imageId="1" flavorId="1"/>`, 400, []string{"Content-Type: application/xml"}},
		{"POST", "/servers", "{}", 415, []string{"Content-Encoding: br"}},
		{"POST", "/servers", "{}", 400, []string{"Content-Type: "}},
		{"POST", "/servers", "{}", 400, []string{"Content-Type: APPLICATION/JSON; charset=utf-7"}},
		{"POST", "/servers", `{"server":{"imageId":1,"imageId":2,"flavorId":1}}`, 400, nil},
		{"POST", "/servers", "\xef\xbb\xbf" + createBody, 400, nil},
		{"POST", "/servers", createBody + createBody, 400, nil},
		{"POST", "/servers", "null", 400, nil},
		{"POST", "/servers", "[]", 400, nil},
		{"PUT", "/servers/12", `{"server":{"name":"` + strings.Repeat("n", 64<<10) + `"}}`, 413, nil},
		{"POST", "/servers", `{"server":{"name":"` + strings.Repeat("n", 64<<10) + `"}}`, 400, nil},
		{"POST", "/servers", `{"server":{"name":"` + strings.Repeat("n", 1<<20) + `"}}`, 413, nil},
		{"POST", "/servers/12/action", `{"addIp":{}}`, 501, nil},
		{"POST", "/servers/12/action", `{"explode":{}}`, 400, nil},
		{"POST", "/servers/0/action", `{"revertResize":null}`, 404, nil},
		{"DELETE", "/servers/x", "", 404, nil},
		{"DELETE", "/images/99999999999", "", 404, nil},
	} {
		res := r.do(c.method, "/v1.0/1001"+c.path, c.body, c.headers...)
		if res.status != c.status {
			t.Errorf("%s %s %.60q %q = %d %s, want %d", c.method, c.path, c.body, c.headers, res.status, res.body, c.status)
		}
		if op := res.header.Get("X-Ozone-Operation"); op != "" {
			t.Errorf("%s %s %.60q names an operation", c.method, c.path, c.body)
		}
	}
	if cmd := r.last(); cmd != nil {
		t.Errorf("an actor was told %s", mustJSON(cmd))
	}
}

func TestChunkedBodiesAreBoundedToo(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	head := "PUT /v1.0/1001/servers/12 HTTP/1.1\r\nHost: x\r\nX-Auth-Token: token-of-demo\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
	if res := r.raw(head + "17\r\n" + `{"server":{"name":"n"}}` + "\r\n0\r\n\r\n"); res.status != 204 {
		t.Errorf("a chunked body = %d %s, want 204", res.status, res.body)
	}
	chunk := "1000\r\n" + strings.Repeat(" ", 4096) + "\r\n"
	if res := r.raw(head + strings.Repeat(chunk, 17)); res.status != 413 {
		t.Errorf("68 KiB in chunks = %d %s, want 413", res.status, res.body)
	}
}

// silent is an edge that waits for 200 ms and gets no answer.
func silent(t *testing.T) *rig {
	t.Helper()
	r := newRig(t, func(c *edge.Config) { c.Wait = 200 * time.Millisecond })
	r.answers(func(*schemas.Command) *schemas.Answer { return nil })
	return r
}

func TestA503AfterTheWaitSaysWhereToLook(t *testing.T) {
	t.Parallel()
	r := silent(t)
	res := r.do("DELETE", "/v1.0/1001/servers/12", "")
	if res.status != 503 || res.header.Get("Retry-After") == "" || res.header.Get("X-Ozone-Operation") != string(r.last().ID) {
		t.Errorf("DELETE = %d\n%s", res.status, res.raw)
	}
	golden.Compare(t, "fault_undecided.json", res.body)
}

func TestLostAnswersAreReadFromTheOperation(t *testing.T) {
	t.Parallel()
	r := silent(t)
	decided := func(cmd *schemas.Command, a schemas.Answer) {
		r.rows.putOperation(storage.OperationRow{
			Operation: schemas.Operation{ID: cmd.ID, Account: account, Action: cmd.Action, State: schemas.OperationRunning}, Answer: &a,
		})
	}
	r.answers(func(cmd *schemas.Command) *schemas.Answer {
		decided(cmd, schemas.Answer{Operation: cmd.ID, Representation: []byte(rendered)})
		return nil
	})
	if res := r.do("POST", "/v1.0/1001/servers", createBody); res.status != 202 || !strings.Contains(res.body, "adminPass") {
		t.Errorf("accepted, answer lost = %d %s", res.status, res.body)
	}
	r.answers(func(cmd *schemas.Command) *schemas.Answer {
		decided(cmd, schemas.Answer{Operation: cmd.ID, Fault: schemas.Errorf(schemas.KindLimit, "Full.")})
		return nil
	})
	if res := r.do("POST", "/v1.0/1001/servers", createBody); res.status != 413 {
		t.Errorf("refused, answer lost = %d %s", res.status, res.body)
	}
	r.answers(func(cmd *schemas.Command) *schemas.Answer {
		first := *cmd
		first.ID = "01234567-89ab-7def-8123-456789abcdef"
		decided(&first, schemas.Answer{Operation: first.ID, Representation: []byte(rendered)})
		r.rows.mu.Lock()
		defer r.rows.mu.Unlock()
		r.rows.keys[string(cmd.Key)] = storage.Key{Account: account, Hash: cmd.Key, Operation: first.ID, Digest: cmd.Digest}
		return nil
	})
	res := r.do("POST", "/v1.0/1001/servers", createBody, "Idempotency-Key: k")
	if res.status != 202 || strings.Contains(res.body, "adminPass") || res.header.Get("X-Ozone-Operation") != "01234567-89ab-7def-8123-456789abcdef" {
		t.Errorf("repeated, answer lost = %d %s\n%s", res.status, res.body, res.raw)
	}
}

// The wait is an hour: who dies with the answers on their way costs a look at the row, not the whole wait.
func TestALostAnswerIsLookedFor(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *edge.Config) { c.Wait = time.Hour })
	r.answers(func(cmd *schemas.Command) *schemas.Answer {
		r.rows.putOperation(storage.OperationRow{
			Operation: schemas.Operation{ID: cmd.ID, Account: account, Action: cmd.Action, State: schemas.OperationRunning},
			Answer:    &schemas.Answer{Operation: cmd.ID},
		})
		return nil
	})
	if res := r.do("DELETE", "/v1.0/1001/servers/12", ""); res.status != 202 {
		t.Errorf("accepted, answer lost = %d %s", res.status, res.body)
	}
}

func TestRefusedByTheBusIs503AtOnce(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{"full": bus.ErrFull, "unroutable": bus.ErrUnroutable, "closed": bus.ErrClosed} {
		r := newRig(t, func(c *edge.Config) { c.Bus, c.Wait = refusing{c.Bus, err}, time.Hour })
		res := r.do("DELETE", "/v1.0/1001/servers/12", "")
		if res.status != 503 || res.header.Get("Retry-After") == "" || res.header.Get("X-Ozone-Operation") == "" {
			t.Errorf("%s = %d %s", name, res.status, res.raw)
		}
	}
}

// refusing is a bus that refuses every message.
type refusing struct {
	bus.Bus
	err error
}

func (b refusing) Publish(_ context.Context, _ bus.Address, _ bus.Message, confirmed func(error)) error {
	confirmed(b.err)
	return nil
}

func TestRespondAsyncAnswersWithTheOperation(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.answers(func(cmd *schemas.Command) *schemas.Answer {
		r.rows.putOperation(storage.OperationRow{Operation: schemas.Operation{
			ID: cmd.ID, Account: account, Action: cmd.Action, State: schemas.OperationRunning, Target: schemas.ServerID(cmd.Target).Ref(),
		}})
		return &schemas.Answer{Operation: cmd.ID}
	})
	res := r.do("DELETE", "/v1.0/1001/servers/12", "", "Prefer: handling=lenient", "Prefer: respond-async, wait=5")
	id := string(r.last().ID)
	if res.status != 202 || res.header.Get("Preference-Applied") != "respond-async" ||
		res.header.Get("Location") != "/ozone/v1/1001/operations/"+id || res.header.Get("X-Ozone-Operation") != id {
		t.Errorf("DELETE = %d\n%s", res.status, res.raw)
	}
	if !strings.Contains(res.body, `"state":"running","target":{"kind":"server","id":12}`) {
		t.Errorf("body = %s", res.body)
	}
	if xml := r.do("DELETE", "/v1.0/1001/servers/12.xml", "", "Prefer: respond-async"); !strings.HasPrefix(xml.body, `{"operation":{"id":"`) || !strings.HasPrefix(xml.header.Get("Content-Type"), "application/json") {
		t.Errorf("in XML: %s", xml.raw)
	}
	r.answers(func(cmd *schemas.Command) *schemas.Answer {
		return &schemas.Answer{Operation: cmd.ID, Fault: schemas.Errorf(schemas.KindConflict, "No.")}
	})
	if res := r.do("DELETE", "/v1.0/1001/servers/12", "", "Prefer: respond-async"); res.status != 409 {
		t.Errorf("refused = %d, want the fault", res.status)
	}
}

func TestPreferWaitAnswersAtTheEnd(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	state := func(id schemas.OperationID, s schemas.OperationState) {
		r.rows.putOperation(storage.OperationRow{Operation: schemas.Operation{ID: id, Account: account, Action: schemas.ServerReboot, State: s}})
	}
	r.answers(func(cmd *schemas.Command) *schemas.Answer {
		state(cmd.ID, schemas.OperationRunning)
		time.AfterFunc(120*time.Millisecond, func() { state(cmd.ID, schemas.OperationSucceeded) })
		return &schemas.Answer{Operation: cmd.ID}
	})
	res := r.do("POST", "/v1.0/1001/servers/12/action", `{"reboot":{"type":"HARD"}}`, "Prefer: wait=10")
	if res.status != 202 || res.header.Get("X-Ozone-Operation-State") != "succeeded" || res.header.Get("Preference-Applied") != "wait=10" {
		t.Errorf("POST = %d\n%s", res.status, res.raw)
	}
	r.answers(func(cmd *schemas.Command) *schemas.Answer {
		state(cmd.ID, schemas.OperationRunning)
		return &schemas.Answer{Operation: cmd.ID}
	})
	res = r.do("POST", "/v1.0/1001/servers/12/action", `{"reboot":{"type":"HARD"}}`, "Prefer: wait=1")
	if res.status != 202 || res.header.Get("X-Ozone-Operation-State") != "running" {
		t.Errorf("POST that outlasts the client = %d\n%s", res.status, res.raw)
	}
}

func TestSecretsGoNowhereInClear(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.do("PUT", "/v1.0/1001/servers/12", `{"server":{"adminPass":"canary-pass"}}`)
	r.do("POST", "/v1.0/1001/servers", strings.Replace(createBody, "aGVs\\n bG8=", "Y2FuYXJ5LWZpbGU=", 1))
	r.do("POST", "/v1.0/1001/servers", `{"server":{"adminPass":"canary-bad"`)
	r.login("/", "demo", "canary-key")
	r.raw("GET / HTTP/1.1\r\nHost: x\r\nX-Auth-Key: canary\x00key\r\n\r\n")
	r.raw("GET / HTTP/1.1\r\nHost: x\r\nX-Auth-Token : canary-token\r\n\r\n")
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, cmd := range r.commands {
		if doc := string(mustJSON(cmd)); strings.Contains(doc, "canary") || strings.Contains(doc, "Y2FuYXJ5") {
			t.Errorf("a command has a secret: %s", doc)
		}
	}
	if text := r.log.String(); strings.Contains(text, "canary") || strings.Contains(text, "Y2FuYXJ5") || strings.Contains(text, "token-of-demo") {
		t.Errorf("the log has a secret: %s", text)
	}
}

func TestPanickingHandlerIsA500(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *edge.Config) {
		c.Modules = append(c.Modules, routes{{Verb: "GET", Path: "/lab/v1/{account}/bang", Handle: func(context.Context, *edge.Request) (edge.Response, error) {
			panic("bang")
		}}})
	})
	res := r.do("GET", "/lab/v1/1001/bang", "")
	if res.status != 500 || strings.Contains(res.body, "bang") || !strings.Contains(r.log.String(), "bang") {
		t.Errorf("GET = %d %s", res.status, res.body)
	}
	if res := r.do("GET", "/v1.0/1001/servers", ""); res.status != 200 {
		t.Errorf("the next request = %d", res.status)
	}
}

func TestEveryKindHasAStatus(t *testing.T) {
	t.Parallel()
	kinds := map[schemas.Kind]int{
		schemas.KindInvalid: 400, schemas.KindUnauthorized: 401, schemas.KindForbidden: 403, schemas.KindNotFound: 404,
		schemas.KindMethod: 405, schemas.KindMedia: 415, schemas.KindConflict: 409, schemas.KindLimit: 413,
		schemas.KindCapacity: 503, schemas.KindUnavailable: 503, schemas.KindNotImplemented: 501, schemas.KindInternal: 500, "new": 500,
	}
	r := newRig(t, nil)
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		r.answers(func(cmd *schemas.Command) *schemas.Answer {
			return &schemas.Answer{Operation: cmd.ID, Fault: schemas.Errorf(kind, "x")}
		})
		if res := r.do("DELETE", "/v1.0/1001/servers/12", ""); res.status != kinds[kind] {
			t.Errorf("%s = %d, want %d", kind, res.status, kinds[kind])
		}
	}
}
