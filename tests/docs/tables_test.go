package docs_test

import (
	"cmp"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/schemas/catalogue"
	"github.com/ozonecloud/ozone/tests/client"
	"github.com/ozonecloud/ozone/tests/node"
	"github.com/ozonecloud/ozone/tests/nodetest"
)

// has fails the test when a page lacks a table, and prints the table as it should be.
func has(t *testing.T, page string, rows []string) {
	t.Helper()
	want := strings.Join(rows, "\n") + "\n"
	if !strings.Contains(read(t, page), want) {
		t.Errorf("%s: a table is not what the code says. Put this in its place:\n%s", page, want)
	}
}

func TestTheStateTablesAreThoseOfTheCode(t *testing.T) {
	server, image, group, member := newLife(), newLife(), newLife(), newLife()
	for _, r := range schemas.ServerTable() {
		server.add(string(r.From), string(r.On), string(r.To))
	}
	for _, r := range schemas.ImageTable() {
		image.add(string(r.From), string(r.On), string(r.To))
	}
	has(t, "docs/states.md", server.rows())
	for _, r := range schemas.GroupTable() {
		group.add(string(r.From), string(r.On), string(r.To))
	}
	for _, r := range schemas.MemberTable() {
		member.add(string(r.From), string(r.On), cmp.Or(string(r.To), "(none)"))
	}
	has(t, "docs/states.md", image.rows())
	has(t, "docs/states.md", group.rows())
	has(t, "docs/states.md", member.rows())
}

// life is a state table by its first column.
type life struct {
	order []string
	on    map[string][]string
}

func newLife() *life { return &life{on: map[string][]string{}} }

func (l *life) add(from, on, to string) {
	if from == "" {
		from = "(none)"
	}
	if !slices.Contains(l.order, from) {
		l.order = append(l.order, from)
	}
	l.on[from] = append(l.on[from], on+": "+to)
}

func (l *life) rows() []string {
	var rows []string
	for _, from := range l.order {
		rows = append(rows, fmt.Sprintf("| %s | %s |", from, strings.Join(l.on[from], "; ")))
	}
	return rows
}

// letters are how the admission matrix writes its faults.
var letters = map[schemas.Fault]string{
	schemas.FaultBuildInProgress: "b", schemas.FaultBackupOrResize: "r", schemas.FaultResizeNotAllowed: "R", schemas.FaultCloudServers: "c",
}

// columns are the commands of the admission matrix.
var columns = []schemas.Trigger{
	schemas.OnRename, schemas.OnPassword, schemas.OnDelete, schemas.OnRebootSoft, schemas.OnRebootHard,
	schemas.OnRebuild, schemas.OnResize, schemas.OnConfirm, schemas.OnRevert, schemas.OnImage, schemas.OnShare, schemas.OnUnshare, schemas.OnBackups,
}

func TestTheAdmissionMatrixIsThatOfTheCode(t *testing.T) {
	var rows []string
	for _, s := range []schemas.Status{
		schemas.StatusActive, schemas.StatusBuild, schemas.StatusRebuild, schemas.StatusQueueResize, schemas.StatusPrepResize,
		schemas.StatusResize, schemas.StatusVerifyResize, schemas.StatusReboot, schemas.StatusHardReboot, schemas.StatusPassword,
		schemas.StatusShareIP, schemas.StatusShareIPNoConfig, schemas.StatusDeleteIP, schemas.StatusSuspended, schemas.StatusRescue, schemas.StatusUnknown, schemas.StatusError,
	} {
		rows = append(rows, matrixRow(string(s), s, schemas.Refusal{}))
	}
	over := schemas.OverlayRefusals()
	rows = append(rows, matrixRow("ACTIVE, while an image of it is made", schemas.StatusActive, over[schemas.OverlayImaging]))
	rows = append(rows, matrixRow("ERROR, while a silent host may still run it", schemas.StatusError, over[schemas.OverlayWaiting]))
	has(t, "docs/api.md", rows)
}

func matrixRow(name string, s schemas.Status, over schemas.Refusal) string {
	row := "| " + name + " |"
	for _, on := range columns {
		row += " " + cell(s, on, over) + " |"
	}
	return row
}

func cell(s schemas.Status, on schemas.Trigger, over schemas.Refusal) string {
	for _, r := range schemas.ServerTable() {
		if r.From == s && r.On == on && !slices.Contains(over.On, on) {
			return "ok"
		}
	}
	if slices.Contains(over.On, on) {
		return letters[over.Fault]
	}
	for _, r := range schemas.ServerRefusals() {
		if slices.Contains(r.In, s) && slices.Contains(r.On, on) {
			return letters[r.Fault]
		}
	}
	return "c"
}

func TestEveryFlagAndRouteAndMetricIsDocumented(t *testing.T) {
	n := nodetest.Start(t)
	t.Run("flags", func(t *testing.T) { flagsAreListed(t, n) })
	t.Run("routes", func(t *testing.T) { routesAreListed(t, n) })
	t.Run("commands", func(t *testing.T) { commandsAreListed(t, n) })
	t.Run("metrics", func(t *testing.T) { metricsAreListed(t, n) })
}

func flagsAreListed(t *testing.T, n *node.Node) {
	t.Helper()
	help, err := n.Run(t.Context(), "serve", "--help")
	if err != nil {
		t.Fatal(err)
	}
	table := read(t, "README.md")
	for _, m := range regexp.MustCompile(`(?m)^ +(?:-h, )?(--[a-z-]+)`).FindAllStringSubmatch(help, -1) {
		if m[1] != "--help" && m[1] != "--config" && !strings.Contains(table, "`"+m[1]+"`") {
			t.Errorf("README.md does not list the flag %s", m[1])
		}
	}
}

func routesAreListed(t *testing.T, n *node.Node) {
	t.Helper()
	r, err := client.New(n.URL(), "", "").Raw(t.Context(), http.MethodGet, "/extensions", nil)
	if err != nil {
		t.Fatal(err)
	}
	var modules []struct{ Routes []string }
	if err := r.Decode("extensions", &modules); err != nil {
		t.Fatal(err)
	}
	if r, err = client.New(n.URL(), "", "").Raw(t.Context(), http.MethodGet, "/openapi.json", nil); err != nil {
		t.Fatal(err)
	}
	var paths map[string]map[string]any
	if err := r.Decode("paths", &paths); err != nil {
		t.Fatal(err)
	}
	text := read(t, "docs/api.md")
	for _, m := range modules {
		for _, route := range m.Routes {
			if verb, path, _ := strings.Cut(route, " "); paths[path][strings.ToLower(verb)] == nil {
				t.Errorf("schemas/openapi.json lacks the route %s", route)
			}
			route = strings.NewReplacer("/v1.0/{account}", "", "/ozone/v1/{account}", "").Replace(route)
			if !strings.Contains(text, "`"+route+"`") {
				t.Errorf("docs/api.md does not list the route %s", route)
			}
		}
	}
}

// commandsAreListed looks for the tenants' commands, the last group of the help.
func commandsAreListed(t *testing.T, n *node.Node) {
	t.Helper()
	help, err := n.Run(t.Context(), "--help")
	if err != nil {
		t.Fatal(err)
	}
	_, tenants, found := strings.Cut(help, "For tenants")
	if !found {
		t.Fatalf("no tenants' commands in %q", help)
	}
	text := read(t, "docs/cli.md")
	for _, m := range regexp.MustCompile(`(?m)^  ([a-z-]+(?: [a-z-]+)?)  `).FindAllStringSubmatch(tenants, -1) {
		if !strings.Contains(text, "`ozone "+m[1]) {
			t.Errorf("docs/cli.md does not list ozone %s", m[1])
		}
	}
}

func metricsAreListed(t *testing.T, n *node.Node) {
	t.Helper()
	r, err := client.New(n.URL(), "", "").Raw(t.Context(), http.MethodGet, "/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	text := read(t, "docs/operations.md")
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (ozone_[a-z_]+)`).FindAllStringSubmatch(string(r.Body), -1) {
		if !strings.Contains(text, "`"+m[1]+"`") {
			t.Errorf("docs/operations.md does not list the metric %s", m[1])
		}
	}
}

func TestTheDocumentsNameEveryMessage(t *testing.T) {
	bus, events := read(t, "docs/bus.md"), read(t, "docs/events.md")
	for _, m := range catalogue.All() {
		page, in, name := bus, "docs/bus.md", m.Name
		if m.Family == catalogue.Events {
			page, in = events, "docs/events.md"
			for _, phase := range []string{".start", ".progress", ".end", ".error", ".cancelled"} {
				name = strings.TrimSuffix(name, phase)
			}
		}
		if !strings.Contains(page, "`"+name+"`") && !strings.Contains(page, "`"+m.Name+"`") {
			t.Errorf("%s does not name %s", in, m.Name)
		}
	}
}
