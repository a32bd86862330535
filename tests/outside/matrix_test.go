package outside_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/ozonecloud/ozone/tests/client"
	"github.com/ozonecloud/ozone/tests/nodetest"
)

// The operations that the admission matrix judges, in the order of its columns.
var commands = []struct{ name, method, path, body string }{
	{"PUT name", http.MethodPut, "/servers/ID", `{"server":{"name":"m"}}`},
	{"PUT pass", http.MethodPut, "/servers/ID", `{"server":{"adminPass":"Secret1234"}}`},
	{"PUT both", http.MethodPut, "/servers/ID", `{"server":{"name":"m","adminPass":"Secret1234"}}`},
	{"DELETE", http.MethodDelete, "/servers/ID", ""},
	{"reboot SOFT", http.MethodPost, "/servers/ID/action", `{"reboot":{"type":"SOFT"}}`},
	{"reboot HARD", http.MethodPost, "/servers/ID/action", `{"reboot":{"type":"HARD"}}`},
	{"rebuild", http.MethodPost, "/servers/ID/action", `{"rebuild":{"imageId":1}}`},
	{"resize", http.MethodPost, "/servers/ID/action", `{"resize":{"flavorId":4}}`},
	{"confirm", http.MethodPost, "/servers/ID/action", `{"confirmResize":null}`},
	{"revert", http.MethodPost, "/servers/ID/action", `{"revertResize":null}`},
	{"image", http.MethodPost, "/images", `{"image":{"serverId":ID,"name":"m"}}`},
	{"share", http.MethodPut, "/servers/ID/ips/public/198.18.0.1", `{"shareIp":{"sharedIpGroupId":GROUP,"configureServer":true}}`},
	{"unshare", http.MethodDelete, "/servers/ID/ips/public/198.18.0.1", ""},
	{"set backups", http.MethodPost, "/servers/ID/backup_schedule", `{"backupSchedule":{"enabled":true,"daily":"H_0400_0600"}}`},
	{"disable backups", http.MethodDelete, "/servers/ID/backup_schedule", ""},
}

// The cells of the matrix. ok is not asked: the command would change the row.
const (
	ok       = ""
	building = "409 buildInProgress"
	resizing = "409 backupOrResizeInProgress"
	noResize = "403 resizeNotAllowed"
	conflict = "409 cloudServersFault"
)

// TestAdmissionMatrix puts servers into each status that a tenant can reach and asks for everything that must be refused there.
// Source: docs/api.md, admission matrix.
func TestAdmissionMatrix(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, w *way) {
		n := w.start(t, "--hosts", "sim:4", "--sim-delay", "1500ms")
		c := nodetest.Client(t, n, "matrix")
		base := many(t, c, 11)
		g := makeGroup(t, c, 0).ID
		resize := `{"resize":{"flavorId":2}}`
		rows := []struct {
			status string
			enter  []string // requests that lead there, from ACTIVE
			cells  []string
		}{
			{"ACTIVE", nil, []string{ok, ok, ok, ok, ok, ok, ok, ok, noResize, noResize, ok, ok, ok, ok, ok}},
			{"REBUILD", []string{`{"rebuild":{}}`}, []string{
				building, building, building, building, building, building, building, building, noResize, noResize, building, building, building, building, building,
			}},
			{"PREP_RESIZE", []string{resize}, []string{
				resizing, resizing, resizing, resizing, resizing, resizing, resizing, noResize, noResize, noResize, resizing, resizing, resizing, resizing, resizing,
			}},
			{"REBOOT", []string{`{"reboot":{"type":"SOFT"}}`}, []string{
				ok, conflict, conflict, ok, conflict, ok, conflict, conflict, noResize, noResize, conflict, conflict, conflict, ok, ok,
			}},
			{"HARD_REBOOT", []string{`{"reboot":{"type":"HARD"}}`}, []string{
				ok, conflict, conflict, ok, conflict, conflict, conflict, conflict, noResize, noResize, conflict, conflict, conflict, ok, ok,
			}},
			{"PASSWORD", []string{"PUT"}, []string{
				ok, conflict, conflict, ok, conflict, conflict, conflict, conflict, noResize, noResize, conflict, conflict, conflict, ok, ok,
			}},
			{"SHARE_IP", []string{"SHARE"}, []string{
				ok, conflict, conflict, ok, conflict, conflict, conflict, conflict, noResize, noResize, conflict, conflict, conflict, ok, ok,
			}},
			{"DELETE_IP", []string{"AWAIT SHARE", "UNSHARE"}, []string{
				ok, conflict, conflict, ok, conflict, conflict, conflict, conflict, noResize, noResize, conflict, conflict, conflict, ok, ok,
			}},
			{"IMAGING", []string{"IMAGE"}, []string{
				ok, ok, ok, ok, ok, ok, resizing, resizing, noResize, noResize, resizing, ok, ok, ok, ok,
			}},
		}
		for i, row := range rows {
			id := base[i].ID
			for _, body := range row.enter {
				enter(t, c, id, body)
			}
			judge(t, c, g, id, row.status, row.cells)
		}
		verify, r, err := c.CreateServer(t.Context(), "m", 1, 1)
		expect(t, "create", r, err, http.StatusAccepted, "")
		judge(t, c, g, verify.ID, "BUILD", rows[1].cells)
		verify = base[10]
		r, err = c.Action(t.Context(), verify.ID, resize)
		expect(t, "resize", r, err, http.StatusAccepted, "")
		await(t, c, r, "succeeded")
		judge(t, c, g, verify.ID, "VERIFY_RESIZE", []string{
			ok, resizing, resizing, ok, resizing, resizing, resizing, noResize, ok, ok, resizing, resizing, resizing, resizing, resizing,
		})
		r, err = c.Action(t.Context(), verify.ID, `{"revertResize":null}`)
		expect(t, "revert", r, err, http.StatusAccepted, "")
		judge(t, c, g, verify.ID, "RESIZE", rows[2].cells)
		await(t, c, r, "succeeded")
	})
}

// many makes servers side by side.
func many(t *testing.T, c *client.Client, count int) []client.Server {
	t.Helper()
	list, replies := make([]client.Server, count), make([]*client.Reply, count)
	for i := range list {
		var err error
		if list[i], replies[i], err = c.CreateServer(t.Context(), fmt.Sprintf("m%d", i), 1, 1); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range replies {
		await(t, c, r, "succeeded")
	}
	return list
}

func enter(t *testing.T, c *client.Client, id int64, body string) {
	t.Helper()
	var r *client.Reply
	var err error
	switch body {
	case "PUT":
		r, err = c.Do(t.Context(), http.MethodPut, path(id), `{"server":{"adminPass":"Secret1234"}}`)
	case "IMAGE":
		_, r, err = c.CreateImage(t.Context(), id, "m")
	case "SHARE", "AWAIT SHARE":
		g := makeGroup(t, c, id)
		other := launched(t, c, g.ID, "")
		r, err = c.Do(t.Context(), http.MethodPut, path(id)+"/ips/public/"+other.Addresses.Public[0], `{"shareIp":{"sharedIpGroupId":`+itoa(g.ID)+`,"configureServer":true}}`)
		if body == "AWAIT SHARE" {
			await(t, c, r, "succeeded")
		}
	case "UNSHARE":
		r, err = c.Do(t.Context(), http.MethodDelete, path(id)+"/ips/public/"+public(t, c, id)[1], nil)
	default:
		r, err = c.Action(t.Context(), id, body)
	}
	if r == nil || !r.OK() {
		t.Fatalf("enter with %s: %v %v", body, r, err)
	}
}

// judge asks for every command that the row refuses, sharing with a group that is there; the server must still be in its status behind them.
func judge(t *testing.T, c *client.Client, group, id int64, want string, cells []string) {
	t.Helper()
	shown := strings.ReplaceAll(want, "IMAGING", "ACTIVE")
	for i, cell := range cells {
		if cell == ok {
			continue
		}
		x := commands[i]
		r, err := c.Do(t.Context(), x.method, strings.ReplaceAll(x.path, "ID", itoa(id)), strings.NewReplacer("GROUP", itoa(group), ":ID", ":"+itoa(id)).Replace(x.body))
		code, fault, _ := strings.Cut(cell, " ")
		if r == nil {
			t.Fatal(err)
		}
		if f := r.Fault(); fmt.Sprint(r.Status) != code || f == nil || f.Name != fault {
			t.Errorf("%s in %s: %d %s, want %s", x.name, want, r.Status, r.Body, cell)
		}
		if r.Operation() == "" {
			t.Errorf("%s in %s: the refusal names no operation", x.name, want)
		}
	}
	if got := status(t, c, id); got != shown {
		t.Errorf("status %s after the row of %s", got, want)
	}
}

// TestWhatTheMatrixAcceptsInPassingStatuses is the rest of it: the commands that are accepted although something is under way.
func TestWhatTheMatrixAcceptsInPassingStatuses(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c := w.tenant(t)
		list := many(t, c, 5)
		soft := list[0].ID
		first, err := c.Action(t.Context(), soft, `{"reboot":{"type":"SOFT"}}`)
		expect(t, "reboot", first, err, http.StatusAccepted, "")
		r, err := c.Do(t.Context(), http.MethodPut, path(soft), `{"server":{"name":"renamed"}}`)
		expect(t, "rename in REBOOT", r, err, http.StatusNoContent, "")
		r, err = c.Action(t.Context(), soft, `{"reboot":{"type":"HARD"}}`)
		expect(t, "HARD in REBOOT", r, err, http.StatusAccepted, "")
		if got := status(t, c, soft); got != "HARD_REBOOT" {
			t.Errorf("HARD during REBOOT shows %s", got)
		}
		await(t, c, first, "cancelled")
		await(t, c, r, "succeeded")
		if s, _, err := c.Server(t.Context(), soft); err != nil || s.Status != "ACTIVE" || s.Name != "renamed" {
			t.Errorf("after both: %+v, %v", s, err)
		}
		for i, body := range []string{`{"reboot":{"type":"SOFT"}}`, `{"reboot":{"type":"HARD"}}`, "PUT", "IMAGE"} {
			id := list[i+1].ID
			enter(t, c, id, body)
			r, err := c.Do(t.Context(), http.MethodDelete, path(id), nil)
			expect(t, "delete during "+body, r, err, http.StatusAccepted, "")
			await(t, c, r, "succeeded")
		}
		if images, err := get(t, c, "/images?offset=3"); err != nil || string(images.Body) != `{"images":[]}` {
			t.Errorf("an image of a deleted server is left: %s, %v", images.Body, err)
		}
		nodetest.Audit(t, w.cloud(t))
	})
}
