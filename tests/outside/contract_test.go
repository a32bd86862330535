package outside_test

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/ozonecloud/ozone/tests/client"
	"github.com/ozonecloud/ozone/tests/node"
	"github.com/ozonecloud/ozone/tests/nodetest"
)

// format is one of the two in which a client speaks.
type format struct{ name, mime string }

var formats = []format{{"JSON", "application/json"}, {"XML", "application/xml"}}

// contractRows is how many rows the table of operations of v1.0 has. Source: API guide v1.0, "API Operations".
const contractRows = 24

// row is an operation of v1.0 with the code that old clients insist on. In its path and bodies stand the names of objects: SERVER, IMAGE, GROUP, ADDRESS.
type row struct {
	number    int
	request   string
	json, xml string // the body; "": none
	code      int
	root      string // of the answer; "": no body
	keep      string // the name that the object of the answer has from here on
	ends      bool   // the operation goes on behind the answer: its end is waited for
}

// lifeOfV10 is every operation of v1.0 in an order that works.
var lifeOfV10 = []row{
	{number: 2, request: "POST /servers", json: `{"server":{"name":"n","imageId":1,"flavorId":1}}`, xml: `<server XMLNS name="n" imageId="1" flavorId="1"/>`, code: 202, root: "server", keep: "SERVER", ends: true},
	{number: 1, request: "GET /servers", code: 200, root: "servers"},
	{number: 1, request: "GET /servers/detail", code: 200, root: "servers"},
	{number: 3, request: "GET /servers/SERVER", code: 200, root: "server"},
	{number: 4, request: "PUT /servers/SERVER", json: `{"server":{"name":"m"}}`, xml: `<server XMLNS name="m"/>`, code: 204},
	{number: 4, request: "PUT /servers/SERVER", json: `{"server":{"adminPass":"Secret1234"}}`, xml: `<server XMLNS adminPass="Secret1234"/>`, code: 204, ends: true},
	{number: 6, request: "GET /servers/SERVER/ips", code: 200, root: "addresses"},
	{number: 6, request: "GET /servers/SERVER/ips/public", code: 200, root: "public"},
	{number: 6, request: "GET /servers/SERVER/ips/private", code: 200, root: "private"},
	{number: 9, request: "POST /servers/SERVER/action", json: `{"reboot":{"type":"SOFT"}}`, xml: `<reboot XMLNS type="SOFT"/>`, code: 202, ends: true},
	{number: 9, request: "POST /servers/SERVER/action", json: `{"reboot":{"type":"HARD"}}`, xml: `<reboot XMLNS type="HARD"/>`, code: 202, ends: true},
	{number: 10, request: "POST /servers/SERVER/action", json: `{"rebuild":{"imageId":2}}`, xml: `<rebuild XMLNS imageId="2"/>`, code: 202, ends: true},
	{number: 11, request: "POST /servers/SERVER/action", json: `{"resize":{"flavorId":2}}`, xml: `<resize XMLNS flavorId="2"/>`, code: 202, ends: true},
	{number: 13, request: "POST /servers/SERVER/action", json: `{"revertResize":null}`, xml: `<revertResize XMLNS/>`, code: 202, ends: true},
	{number: 11, request: "POST /servers/SERVER/action", json: `{"resize":{"flavorId":"3"}}`, xml: `<resize XMLNS flavorId="3"/>`, code: 202, ends: true},
	{number: 12, request: "POST /servers/SERVER/action", json: `{"confirmResize":null}`, xml: `<confirmResize XMLNS/>`, code: 204, ends: true},
	{number: 14, request: "GET /flavors", code: 200, root: "flavors"},
	{number: 14, request: "GET /flavors/detail", code: 200, root: "flavors"},
	{number: 14, request: "GET /flavors/1", code: 200, root: "flavor"},
	{number: 16, request: "POST /images", json: `{"image":{"serverId":SERVER,"name":"i"}}`, xml: `<image XMLNS serverId="SERVER" name="i"/>`, code: 202, root: "image", keep: "IMAGE", ends: true},
	{number: 15, request: "GET /images", code: 200, root: "images"},
	{number: 15, request: "GET /images/detail", code: 200, root: "images"},
	{number: 15, request: "GET /images/IMAGE", code: 200, root: "image"},
	{number: 17, request: "DELETE /images/IMAGE", code: 204},
	{number: 18, request: "GET /servers/SERVER/backup_schedule", code: 200, root: "backupSchedule"},
	{
		number: 19, request: "POST /servers/SERVER/backup_schedule", json: `{"backupSchedule":{"enabled":true,"weekly":"THURSDAY","daily":"H_0400_0600"}}`,
		xml: `<backupSchedule XMLNS enabled="true" weekly="THURSDAY" daily="H_0400_0600"/>`, code: 204,
	},
	{number: 20, request: "DELETE /servers/SERVER/backup_schedule", code: 204},
	{number: 22, request: "POST /shared_ip_groups", json: `{"sharedIpGroup":{"name":"g","server":SERVER}}`, xml: `<sharedIpGroup XMLNS name="g"><server id="SERVER"/></sharedIpGroup>`, code: 201, root: "sharedIpGroup", keep: "GROUP"},
	{number: 21, request: "GET /shared_ip_groups", code: 200, root: "sharedIpGroups"},
	{number: 21, request: "GET /shared_ip_groups/detail", code: 200, root: "sharedIpGroups"},
	{number: 21, request: "GET /shared_ip_groups/GROUP", code: 200, root: "sharedIpGroup"},
	{
		number: 2, request: "POST /servers", json: `{"server":{"name":"n","imageId":1,"flavorId":1,"sharedIpGroupId":GROUP}}`,
		xml: `<server XMLNS name="n" imageId="1" flavorId="1" sharedIpGroupId="GROUP"/>`, code: 202, root: "server", keep: "MEMBER", ends: true,
	},
	{number: 7, request: "PUT /servers/MEMBER/ips/public/ADDRESS", json: `{"shareIp":{"sharedIpGroupId":GROUP,"configureServer":true}}`, xml: `<shareIp XMLNS sharedIpGroupId="GROUP" configureServer="true"/>`, code: 202, ends: true},
	{number: 8, request: "DELETE /servers/MEMBER/ips/public/ADDRESS", code: 202, ends: true},
	{number: 23, request: "DELETE /shared_ip_groups/GROUP", code: 204},
	{number: 24, request: "GET /limits", code: 200, root: "limits"},
	{number: 5, request: "DELETE /servers/SERVER", code: 202, ends: true},
}

// TestEveryRowOfTheContract does every operation of v1.0 in both formats and wants exactly the code that the contract has for it.
func TestEveryRowOfTheContract(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c := w.tenant(t)
		for _, f := range formats {
			reached, names := map[int]bool{}, map[string]string{}
			for _, x := range lifeOfV10 {
				r := f.ask(t, c, x.request, named(names, x.json), named(names, x.xml), names)
				what := f.name + ": " + x.request + " " + x.json
				if r.Status != x.code {
					t.Fatalf("%s: answer %d %s, want %d", what, r.Status, r.Body, x.code)
				}
				if got := f.root(t, r); got != x.root {
					t.Errorf("%s: the answer is %q, want %q", what, got, x.root)
				}
				if x.ends {
					await(t, c, r, "succeeded")
				}
				if x.keep != "" {
					names[x.keep] = f.id(t, r)
				}
				if x.keep == "SERVER" {
					names["ADDRESS"] = f.address(t, r)
				}
				reached[x.number] = true
			}
			t.Logf("%s: %d of %d rows", f.name, len(reached), contractRows)
			for number := 1; number <= contractRows; number++ {
				if !reached[number] {
					t.Errorf("%s: row %d was not reached", f.name, number)
				}
			}
		}
		nodetest.Audit(t, w.cloud(t))
	})
}

// ask sends a request with its body in the format, and wants the answer in it too.
func (f format) ask(t *testing.T, c *client.Client, request, inJSON, inXML string, names map[string]string) *client.Reply {
	t.Helper()
	verb, path, _ := strings.Cut(named(names, request), " ")
	body := inJSON
	if f.name == "XML" {
		body = inXML
	}
	var data any
	if body != "" {
		data = body
	}
	r, err := c.Do(t.Context(), verb, path, data, "Accept", f.mime, "Content-Type", f.mime)
	if r == nil {
		t.Fatalf("%s: %v", request, err)
	}
	if kind := r.Header.Get("Content-Type"); len(r.Body) > 0 && kind != f.mime+"; charset=UTF-8" {
		t.Errorf("%s: an answer of type %q, want %s", request, kind, f.mime)
	}
	return r
}

// named puts objects in the place of their names.
func named(names map[string]string, text string) string {
	text = strings.ReplaceAll(text, "XMLNS", `xmlns="`+namespace+`"`)
	for name, id := range names {
		text = strings.ReplaceAll(text, name, id)
	}
	return text
}

// root is the name of the one thing in an answer; "": there is no body.
func (f format) root(t *testing.T, r *client.Reply) string {
	t.Helper()
	if len(r.Body) == 0 {
		return ""
	}
	if f.name == "XML" {
		var doc struct{ XMLName xml.Name }
		decodeXML(t, r, &doc)
		if doc.XMLName.Space != namespace {
			t.Errorf("%s is not of the namespace of v1.0", r.Body)
		}
		return doc.XMLName.Local
	}
	var doc map[string]json.RawMessage
	if err := json.Unmarshal(r.Body, &doc); err != nil || len(doc) != 1 {
		t.Errorf("%s: %v, want one member", r.Body, err)
	}
	for name := range doc {
		return name
	}
	return ""
}

// created is what the test needs of a new object.
type created struct {
	ID        int64 `xml:"id,attr"`
	Addresses struct {
		Public []string
	} `xml:"-"`
	Public []struct {
		Address string `xml:"addr,attr"`
	} `json:"-" xml:"addresses>public>ip"`
}

func (f format) created(t *testing.T, r *client.Reply) created {
	t.Helper()
	var object created
	if f.name == "XML" {
		decodeXML(t, r, &object)
		for _, ip := range object.Public {
			object.Addresses.Public = append(object.Addresses.Public, ip.Address)
		}
	} else if err := r.Decode(f.root(t, r), &object); err != nil {
		t.Fatal(err)
	}
	return object
}

func (f format) id(t *testing.T, r *client.Reply) string {
	t.Helper()
	return itoa(f.created(t, r).ID)
}

func (f format) address(t *testing.T, r *client.Reply) string {
	t.Helper()
	return f.created(t, r).Addresses.Public[0]
}

// contractFaults are the faults of v1.0. Source: API guide v1.0, "Faults".
var contractFaults = []string{
	"cloudServersFault 400", "cloudServersFault 409", "cloudServersFault 500", "serviceUnavailable 503", "unauthorized 401", "badRequest 400", "overLimit 413", "badMediaType 415", "badMethod 405",
	"itemNotFound 404", "buildInProgress 409", "serverCapacityUnavailable 503", "backupOrResizeInProgress 409", "resizeNotAllowed 403", "notImplemented 501",
}

// TestEveryFaultOfTheContract gets every fault in both formats: from a node with a planted defect, which is the 500, from one without room and
// from one that waits for nothing.
func TestEveryFaultOfTheContract(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("builds the binary anew")
	}
	w := ways[0]
	n := plantedNode(t, "handler-panic", "--sim-delay", "1500ms")
	good := nodetest.Client(t, n, "user")
	small := nodetest.Client(t, w.start(t, "--hosts", "sim:1", "--sim-ram", "1"), "user")
	hasty := nodetest.Client(t, w.start(t, "--wait", "1ns"), "user")
	rated := w.rated(t, "post=1/minute", node.Unlimited)
	if r, err := rated.Do(t.Context(), http.MethodPost, "/shared_ip_groups", `{"sharedIpGroup":{"name":"n"}}`); r == nil || r.Status != http.StatusCreated {
		t.Fatalf("the one POST of a minute: %v %v", r, err)
	}
	names := map[string]string{}
	for i, s := range many(t, good, 3) {
		names[[]string{"RESTING", "RESIZED", "REBOOTED"}[i]] = itoa(s.ID)
	}
	building, _, err := good.CreateServer(t.Context(), "n", 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	names["BUILDING"] = itoa(building.ID)
	for name, body := range map[string]string{"RESIZED": `{"resize":{"flavorId":2}}`, "REBOOTED": `{"reboot":{"type":"HARD"}}`} {
		if r := formats[0].ask(t, good, "POST /servers/"+name+"/action", body, "", names); !r.OK() {
			t.Fatalf("%s: %s", body, r.Body)
		}
	}
	const reboot, rebootXML = `{"reboot":{"type":"SOFT"}}`, `<reboot XMLNS type="SOFT"/>`
	const create, createXML = `{"server":{"name":"n","imageId":1,"flavorId":7}}`, `<server XMLNS name="n" imageId="1" flavorId="7"/>`
	reached := map[string]bool{}
	for _, x := range []struct {
		fault, request, json, xml string
		from                      *client.Client
	}{
		{"buildInProgress 409", "POST /servers/BUILDING/action", reboot, rebootXML, good},
		{"cloudServersFault 409", "POST /servers/REBOOTED/action", reboot, rebootXML, good},
		{"backupOrResizeInProgress 409", "POST /servers/RESIZED/action", reboot, rebootXML, good},
		{"resizeNotAllowed 403", "POST /servers/RESTING/action", `{"resize":{"flavorId":1}}`, `<resize XMLNS flavorId="1"/>`, good},
		{"notImplemented 501", "POST /servers/RESTING/action", `{"addIp":{}}`, `<addIp XMLNS/>`, good},
		{"cloudServersFault 400", "DELETE /images/1", "", "", good},
		{"unauthorized 401", "GET /servers", "", "", client.New(n.URL(), "", "")},
		{"badRequest 400", "POST /servers", `{}`, `<server XMLNS/>`, good},
		{"overLimit 413", "POST /shared_ip_groups", `{"sharedIpGroup":{"name":"n"}}`, `<sharedIpGroup XMLNS name="n"/>`, rated},
		{"badMediaType 415", "POST /servers", "", "", good},
		{"badMethod 405", "DELETE /servers", "", "", good},
		{"itemNotFound 404", "GET /servers/99999999", "", "", good},
		{"serverCapacityUnavailable 503", "POST /servers", create, createXML, small},
		{"serviceUnavailable 503", "POST /servers", create, createXML, hasty},
		{"cloudServersFault 500", "GET /servers?planted", "", "", good},
	} {
		for _, f := range formats {
			var r *client.Reply
			if x.fault == "badMediaType 415" { // the one request that is in neither format
				r, err = x.from.Do(t.Context(), http.MethodPost, "/servers", "x", "Accept", f.mime, "Content-Type", "text/plain")
				if err != nil {
					t.Fatal(err)
				}
			} else {
				r = f.ask(t, x.from, x.request, named(names, x.json), named(names, x.xml), names)
			}
			if f.isFault(t, r, x.fault) {
				reached[f.name+" "+x.fault] = true
			}
		}
	}
	t.Logf("%d faults in %d formats", len(reached)/len(formats), len(formats))
	for _, fault := range contractFaults {
		for _, f := range formats {
			if !reached[f.name+" "+fault] {
				t.Errorf("%s in %s was not reached", fault, f.name)
			}
		}
	}
}

// plantedNode is a node of a build with a defect.
func plantedNode(t *testing.T, defect string, args ...string) *node.Node {
	t.Helper()
	binary, err := node.Build(t.Context(), t.TempDir(), "planted")
	if err != nil {
		t.Fatal(err)
	}
	return nodetest.StartWith(t, node.Config{Binary: binary, Dir: t.TempDir(), Args: args, Env: []string{"OZONE_PLANT=" + defect}})
}

// isFault checks that an answer is exactly a fault, such as "itemNotFound 404", with what the contract says about its headers.
func (f format) isFault(t *testing.T, r *client.Reply, want string) bool {
	t.Helper()
	var body struct {
		Code       int    `json:"code"       xml:"code,attr"`
		RetryAfter string `json:"retryAfter" xml:"retryAfter,attr"`
		Message    string `json:"message"    xml:"message"`
	}
	name := f.root(t, r)
	if f.name == "XML" {
		decodeXML(t, r, &body)
	} else if err := r.Decode(name, &body); err != nil {
		t.Fatal(err)
	}
	retry := r.Header.Get("Retry-After") != ""
	switch {
	case fmt.Sprintf("%s %d", name, r.Status) != want || body.Code != r.Status || body.Message == "":
		t.Errorf("answer %d %s, want %s in %s with its code and a message", r.Status, r.Body, want, f.name)
	case retry != (r.Status == http.StatusServiceUnavailable || r.Status == http.StatusRequestEntityTooLarge):
		t.Errorf("%s: Retry-After %q", want, r.Header.Get("Retry-After"))
	case (body.RetryAfter != "") != (name == "overLimit"):
		t.Errorf("%s: retryAfter in %s", want, r.Body)
	case (r.Header.Get("Allow") != "") != (name == "badMethod"):
		t.Errorf("%s: Allow %q", want, r.Header.Get("Allow"))
	default:
		return true
	}
	return false
}
