package edge_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/ozonecloud/ozone/edge"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/tests/golden"
)

const namespace = "http://docs.rackspacecloud.com/servers/api/v1.0"

// exchanges are all operations of v1.0, each in both formats. A request without a body is the same in both.
var exchanges = []struct{ what, request, json, xml string }{
	{"List the versions", "GET /", "", ""},
	{"Get a version", "GET /v1.0/", "", ""},
	{"List the extensions", "GET /extensions", "", ""},

	{"List servers", "GET /v1.0/1001/servers", "", ""},
	{"List servers in detail", "GET /v1.0/1001/servers/detail", "", ""},
	{"List servers where none are", "GET /v1.0/1001/servers/detail?offset=9", "", ""},
	{
		"Create a server", "POST /v1.0/1001/servers",
		`{"server":{"name":"web","imageId":1,"flavorId":2,"metadata":{"role":"front <1>"},"personality":[{"path":"/etc/motd","contents":"aGVsbG8K"}]}}`,
		`<server xmlns="` + namespace + `" name="web" imageId="1" flavorId="2">
  <metadata>
    <meta key="role">front &lt;1&gt;</meta>
  </metadata>
  <personality>
    <file path="/etc/motd">
      aGVs
      bG8K
    </file>
  </personality>
</server>`,
	},
	{"Create a server with the least", "POST /v1.0/1001/servers", `{"server":{"imageId":1,"flavorId":2}}`, `<server xmlns="` + namespace + `" imageId="1" flavorId="2"/>`},
	{
		"Create a server in a group, with an address of one of its servers", "POST /v1.0/1001/servers",
		`{"server":{"name":"web","imageId":1,"flavorId":2,"sharedIpGroupId":3,"addresses":{"public":["198.18.0.7"]}}}`,
		`<server xmlns="` + namespace + `" name="web" imageId="1" flavorId="2" sharedIpGroupId="3">
  <addresses>
    <public>
      <ip addr="198.18.0.7"/>
    </public>
  </addresses>
</server>`,
	},
	{"Get a server", "GET /v1.0/1001/servers/12", "", ""},
	{
		"Rename a server", "PUT /v1.0/1001/servers/12",
		`{"server":{"name":"web 2"}}`, `<server xmlns="` + namespace + `" name="web 2"/>`,
	},
	{
		"Change a server's name and password", "PUT /v1.0/1001/servers/12",
		`{"server":{"name":"web 2","adminPass":"secret \"&<"}}`, `<server xmlns="` + namespace + `" name="web 2" adminPass="secret &quot;&amp;&lt;"/>`,
	},
	{"Delete a server", "DELETE /v1.0/1001/servers/12", "", ""},
	{"List a server's addresses", "GET /v1.0/1001/servers/12/ips", "", ""},
	{"List a server's public addresses", "GET /v1.0/1001/servers/12/ips/public", "", ""},
	{"List a server's private addresses", "GET /v1.0/1001/servers/12/ips/private", "", ""},
	{
		"Share an address", "PUT /v1.0/1001/servers/12/ips/public/198.18.0.7",
		`{"shareIp":{"sharedIpGroupId":3,"configureServer":true}}`, `<shareIp xmlns="` + namespace + `" sharedIpGroupId="3" configureServer="true"/>`,
	},
	{"Stop sharing an address", "DELETE /v1.0/1001/servers/12/ips/public/198.18.0.7", "", ""},
	{"List a server's addresses while it has none", "GET /v1.0/1001/servers/14/ips", "", ""},

	{"Get a backup schedule", "GET /v1.0/1001/servers/12/backup_schedule", "", ""},
	{"Get the backup schedule of a server that never had one", "GET /v1.0/1001/servers/14/backup_schedule", "", ""},
	{
		"Set a backup schedule", "POST /v1.0/1001/servers/12/backup_schedule",
		`{"backupSchedule":{"enabled":true,"weekly":"THURSDAY","daily":"H_0400_0600"}}`,
		`<backupSchedule xmlns="` + namespace + `" enabled="true" weekly="THURSDAY" daily="H_0400_0600"/>`,
	},
	{
		"Set a backup schedule without a weekly half", "POST /v1.0/1001/servers/12/backup_schedule",
		`{"backupSchedule":{"enabled":true,"daily":"H_2200_0000"}}`, `<backupSchedule xmlns="` + namespace + `" enabled="true" daily="H_2200_0000"/>`,
	},
	{"Disable backups", "DELETE /v1.0/1001/servers/12/backup_schedule", "", ""},

	{"Reboot softly", "POST /v1.0/1001/servers/12/action", `{"reboot":{"type":"SOFT"}}`, `<reboot xmlns="` + namespace + `" type="SOFT"/>`},
	{"Reboot hard", "POST /v1.0/1001/servers/12/action", `{"reboot":{"type":"HARD"}}`, `<reboot xmlns="` + namespace + `" type="HARD"/>`},
	{"Rebuild", "POST /v1.0/1001/servers/12/action", `{"rebuild":{"imageId":2}}`, `<rebuild xmlns="` + namespace + `" imageId="2"/>`},
	{"Rebuild with the image it has", "POST /v1.0/1001/servers/12/action", `{"rebuild":{}}`, `<rebuild xmlns="` + namespace + `"/>`},
	{"Resize", "POST /v1.0/1001/servers/12/action", `{"resize":{"flavorId":3}}`, `<resize xmlns="` + namespace + `" flavorId="3"/>`},
	{"Confirm a resize", "POST /v1.0/1001/servers/12/action", `{"confirmResize":null}`, `<confirmResize xmlns="` + namespace + `"/>`},
	{"Revert a resize", "POST /v1.0/1001/servers/12/action", `{"revertResize":null}`, `<revertResize xmlns="` + namespace + `"/>`},

	{"List flavors", "GET /v1.0/1001/flavors?limit=2", "", ""},
	{"List flavors in detail", "GET /v1.0/1001/flavors/detail?limit=2", "", ""},
	{"Get a flavor", "GET /v1.0/1001/flavors/3", "", ""},

	{"List images", "GET /v1.0/1001/images", "", ""},
	{"List images in detail", "GET /v1.0/1001/images/detail", "", ""},
	{"Get an image", "GET /v1.0/1001/images/743", "", ""},
	{
		"Create an image", "POST /v1.0/1001/images",
		`{"image":{"serverId":12,"name":"Just in case"}}`, `<image xmlns="` + namespace + `" name="Just in case" serverId="12"/>`,
	},
	{"Delete an image", "DELETE /v1.0/1001/images/743", "", ""},

	{"Get the limits", "GET /v1.0/1001/limits", "", ""},
	{"List shared IP groups", "GET /v1.0/1001/shared_ip_groups", "", ""},
	{"List shared IP groups in detail", "GET /v1.0/1001/shared_ip_groups/detail", "", ""},
	{"List shared IP groups where none are", "GET /v1.0/1001/shared_ip_groups/detail?offset=9", "", ""},
	{"Get a shared IP group", "GET /v1.0/1001/shared_ip_groups/3", "", ""},
	{
		"Create a shared IP group", "POST /v1.0/1001/shared_ip_groups",
		`{"sharedIpGroup":{"name":"later"}}`, `<sharedIpGroup xmlns="` + namespace + `" name="later"/>`,
	},
	{
		"Create a shared IP group with a server", "POST /v1.0/1001/shared_ip_groups",
		`{"sharedIpGroup":{"name":"later","server":"12"}}`, `<sharedIpGroup xmlns="` + namespace + `" name="later"><server id="12"/></sharedIpGroup>`,
	},
	{"Delete a shared IP group", "DELETE /v1.0/1001/shared_ip_groups/3", "", ""},

	{"What is not there", "GET /v1.0/1001/servers/99", "", ""},
	{"A body that is against a rule", "PUT /v1.0/1001/servers/12", `{"server":{"name":" "}}`, `<server xmlns="` + namespace + `" name=" "/>`},
	{"An action that nobody serves", "POST /v1.0/1001/servers/12/action", `{"addIp":{}}`, `<addIp xmlns="` + namespace + `"/>`},

	{"List operations", "GET /ozone/v1/1001/operations", "", ""},
	{"Get an operation", "GET /ozone/v1/1001/operations/019b7c1a-0000-7000-8000-000000000001", "", ""},
	{"Cancel an operation", "POST /ozone/v1/1001/operations/019b7c1a-0000-7000-8000-000000000001/cancel", "", ""},
	{"Try to cancel it", "POST /ozone/v1/1001/operations/019b7c1a-0000-7000-8000-000000000001/cancel?dry_run=true", "", ""},
	{"Delete a server whatever its status", "DELETE /ozone/v1/1001/servers/12?force=true", "", ""},
	{"Delete a server as in v1.0", "DELETE /ozone/v1/1001/servers/12", "", ""},
	{
		"Resize with a probe", "POST /ozone/v1/1001/servers/12/action",
		`{"resize":{"flavorId":3,"probe":{"type":"http","port":80,"path":"/healthz","after":10,"for":30}}}`,
		`<resize xmlns="` + namespace + `" flavorId="3">
  <probe type="http" port="80" path="/healthz" after="10" for="30"/>
</resize>`,
	},
	{
		"A probe that is against a rule", "POST /ozone/v1/1001/servers/12/action",
		`{"resize":{"flavorId":3,"probe":{"type":"tcp","port":0}}}`, `<resize xmlns="` + namespace + `" flavorId="3"><probe type="tcp" port="0"/></resize>`,
	},
	{
		"Try a resize", "POST /ozone/v1/1001/servers/12/action?dry_run=true",
		`{"resize":{"flavorId":3}}`, `<resize xmlns="` + namespace + `" flavorId="3"/>`,
	},
	{"Try a create", "POST /ozone/v1/1001/servers?dry_run=true", `{"server":{"imageId":1,"flavorId":2}}`, `<server xmlns="` + namespace + `" imageId="1" flavorId="2"/>`},
	{"Try a new name", "PUT /ozone/v1/1001/servers/12?dry_run=true", `{"server":{"name":"web 2"}}`, `<server xmlns="` + namespace + `" name="web 2"/>`},
	{"Try to share an address", "PUT /ozone/v1/1001/servers/12/ips/public/198.18.0.7?dry_run=true", `{"shareIp":{"sharedIpGroupId":3,"configureServer":true}}`, `<shareIp xmlns="` + namespace + `" sharedIpGroupId="3" configureServer="true"/>`},
	{"Try to share it no more", "DELETE /ozone/v1/1001/servers/12/ips/public/198.18.0.7?dry_run=true", "", ""},
	{"Try a backup schedule", "POST /ozone/v1/1001/servers/12/backup_schedule?dry_run=true", `{"backupSchedule":{"enabled":true,"daily":"H_0400_0600"}}`, `<backupSchedule xmlns="` + namespace + `" enabled="true" daily="H_0400_0600"/>`},
	{"Try none", "DELETE /ozone/v1/1001/servers/12/backup_schedule?dry_run=true", "", ""},
	{"Try an image", "POST /ozone/v1/1001/images?dry_run=true", `{"image":{"serverId":12,"name":"snap"}}`, `<image xmlns="` + namespace + `" serverId="12" name="snap"/>`},
	{"Try to delete an image", "DELETE /ozone/v1/1001/images/743?dry_run=true", "", ""},
	{"Try a group", "POST /ozone/v1/1001/shared_ip_groups?dry_run=true", `{"sharedIpGroup":{"name":"pair"}}`, `<sharedIpGroup xmlns="` + namespace + `" name="pair"/>`},
	{"Try to delete a group", "DELETE /ozone/v1/1001/shared_ip_groups/3?dry_run=true", "", ""},
	{"Force that is neither", "DELETE /ozone/v1/1001/servers/12?force=maybe", "", ""},
}

const (
	fullServer = `{"id":12,"name":"web \"1\" <&>","imageId":1,"flavorId":2,"hostId":"e4d909c290d0fb1ca068ffaddf22cbd0","status":"ACTIVE","progress":100,"sharedIpGroupId":3,` +
		`"addresses":{"public":["198.18.0.1","198.18.0.7"],"private":["10.0.0.1"]},"metadata":{"Server Label":"Web\nHead <1>","ü":""}}`
	bareServer  = `{"id":14,"name":"db","imageId":1,"flavorId":1,"hostId":"","status":"BUILD","progress":0,"addresses":{"public":[],"private":[]},"metadata":{}}`
	baseImage   = `{"id":1,"name":"Debian","updated":"2026-01-02T03:04:05Z","created":"2026-01-02T03:04:05Z","status":"ACTIVE"}`
	customImage = `{"id":743,"name":"Just in case","serverId":12,"updated":"2026-01-02T03:04:05Z","created":"2026-01-02T03:04:05Z","status":"SAVING","progress":80}`
	fullGroup   = `{"id":3,"name":"pair","servers":[12,15]}`
	emptyGroup  = `{"id":4,"name":"later","servers":[]}`
	queuedImage = `{"id":744,"name":"Just in case","serverId":12,"updated":"2026-01-02T03:04:05Z","created":"2026-01-02T03:04:05Z","status":"QUEUED","progress":0}`
)

// furnished is a rig with something of everything. What it accepts is a server, an image or a group.
func furnished(t *testing.T) *rig {
	t.Helper()
	r := newRig(t, func(c *edge.Config) { c.RateLimits = schemas.DefaultRateLimits() })
	r.rows.put(account, schemas.ServerID(12).Ref(), `web "1" <&>`, fullServer)
	r.rows.put(account, schemas.ServerID(14).Ref(), "db", bareServer)
	r.rows.put(0, schemas.ImageID(1).Ref(), "Debian", baseImage)
	r.rows.put(account, schemas.ImageID(743).Ref(), "Just in case", customImage)
	r.rows.put(account, schemas.GroupID(3).Ref(), "pair", fullGroup)
	r.rows.put(account, schemas.GroupID(4).Ref(), "later", emptyGroup)
	r.rows.schedules[12] = schemas.BackupSchedule{Enabled: true, Weekly: "THURSDAY", Daily: "H_0400_0600"}
	for _, row := range operationRows() {
		r.rows.putOperation(row)
	}
	r.answers(func(cmd *schemas.Command) *schemas.Answer {
		a := &schemas.Answer{V: 1, Operation: cmd.ID, Target: schemas.ServerID(14).Ref(), Representation: []byte(bareServer)}
		a.Forecast = &schemas.Forecast{
			Action: schemas.ServerResize, Target: schemas.ServerID(12).Ref(), Status: "QUEUE_RESIZE", UsedRAMMiB: 1024, RAMLimitMiB: 51200, Placed: true,
		}
		if cmd.Action == schemas.ServerImage {
			a.Target, a.Representation = schemas.ImageID(744).Ref(), []byte(queuedImage)
		}
		if cmd.Action == schemas.SharedIPGroupCreate {
			a.Target, a.Representation = schemas.GroupID(4).Ref(), []byte(emptyGroup)
		}
		return a
	})
	return r
}

// TestBothFormatsSayTheSame makes every exchange in JSON, then in XML. The golden file shows them as they are on the wire.
func TestBothFormatsSayTheSame(t *testing.T) {
	t.Parallel()
	r := furnished(t)
	var doc strings.Builder
	for _, x := range exchanges {
		fmt.Fprintf(&doc, "# %s\n\n", x.what)
		inJSON := r.exchange(&doc, x.request, x.json, "Content-Type: application/json")
		first := r.last()
		inXML := r.exchange(&doc, x.request, x.xml, "Accept: application/xml", "Content-Type: application/xml")
		if inJSON.status != inXML.status {
			t.Errorf("%s: %d in JSON, %d in XML", x.what, inJSON.status, inXML.status)
		}
		if second := r.last(); first != nil && string(first.Digest) != string(second.Digest) {
			t.Errorf("%s: actors are told %s for JSON, %s for XML", x.what, mustJSON(first), mustJSON(second))
		}
	}
	golden.Compare(t, "exchanges.txt", doc.String())
}

var secret = regexp.MustCompile(`(adminPass(?:":|=))"[A-Za-z0-9]+"`)

// exchange sends a request and writes down what went there and came back.
func (r *rig) exchange(doc *strings.Builder, request, body string, headers ...string) response {
	if body == "" {
		headers = headers[:len(headers)-1]
	}
	method, path, _ := strings.Cut(request, " ")
	res := r.do(method, path, body, headers...)
	fmt.Fprintf(doc, "%s\n", request)
	for _, h := range headers {
		fmt.Fprintf(doc, "%s\n", h)
	}
	if body != "" {
		fmt.Fprintf(doc, "\n%s\n", body)
	}
	doc.WriteString("\n")
	shown := res
	shown.body = secret.ReplaceAllString(res.body, `$1"made-up"`)
	writeAnswer(doc, shown)
	return res
}

// writeAnswer writes down an answer with those of its headers that are named.
func writeAnswer(doc *strings.Builder, res response, names ...string) {
	fmt.Fprintf(doc, "%d", res.status)
	for _, name := range append([]string{"Content-Type"}, names...) {
		if v := res.header.Get(name); v != "" {
			fmt.Fprintf(doc, "\n%s: %s", name, v)
		}
	}
	if res.body != "" {
		fmt.Fprintf(doc, "\n\n%s", strings.TrimSuffix(res.body, "\n"))
	}
	doc.WriteString("\n\n")
}
