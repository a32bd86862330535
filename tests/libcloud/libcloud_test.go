// Package libcloud_test has Apache Libcloud, as Debian ships it, make every call that it has against a real node.
// Each is judged by what went over the wire and by what the library made of it.
package libcloud_test

import (
	"encoding/json"
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ozonecloud/ozone/tests/client"
	"github.com/ozonecloud/ozone/tests/node"
	"github.com/ozonecloud/ozone/tests/nodetest"
	"github.com/ozonecloud/ozone/tests/rig"
)

var on = flag.String("on", "embedded", "what the node runs on: embedded, or servers for RabbitMQ and PostgreSQL")

func TestMain(m *testing.M) { os.Exit(nodetest.Main(m)) }

// start runs a node on what -on says. The library cannot tell which.
func start(t *testing.T) *node.Node {
	t.Helper()
	if *on == "embedded" {
		return nodetest.Start(t)
	}
	both, err := rig.NewServers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(both.Close)
	bus, err := both.Broker.NewVhost(t.Context(), "libcloud")
	if err != nil {
		t.Fatal(err)
	}
	store, err := both.Database.EmptyDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return nodetest.StartWith(t, node.Config{Dir: t.TempDir(), Env: []string{"OZONE_BUS=" + bus, "OZONE_STORE=" + store}})
}

// foreign are the calls that the library has for later versions of OpenStack alone: v1.0 has no such things.
var foreign = []string{
	"start_node", "stop_node",
	"create_volume", "destroy_volume", "attach_volume", "detach_volume", "list_volumes", "ex_get_volume",
}

// broken are the calls that the library itself cannot do, whatever it is answered, with what it makes of the right answer.
var broken = map[string]string{
	"ex_get_node_details": `^IndexError: `, // looks for the server below itself
	"get_image":           `^TypeError: `,  // reads XML as if it were JSON
	"ex_revert_resize":    `^false$`,       // insists on 204, which other clients take for an error
}

// brokenFault is what the library makes of every fault in XML: it reads it with what Python does not have any more.
const brokenFault = `^AttributeError: .*getiterator`

// login is the exchange before that of every call.
const login = "GET /v1.0 204"

// step is one call. SERVER, IMAGE and the like are the numbers of what was made, ADDRESS is the server's public one.
type step struct {
	method, arguments string
	exchange          string // "": none
	want              string // a pattern of the result
	makes             string // the name of what it makes
}

var life = []step{
	{"list_sizes", `{}`, "GET /flavors/detail 200", `"disk":10,.*"id":"1","name":"256 MB Server",.*"ram":256`, ""},
	{"list_images", `{}`, "GET /images/detail 200", `"status":"ACTIVE"`, ""},
	{"list_locations", `{}`, "", `"id":"0"`, ""},
	{"list_nodes", `{}`, "GET /servers/detail 200", `^\[\]$`, ""},
	{
		"create_node", `{"name":"a & <b>","size":"@NodeSize/1","image":"@NodeImage/1","ex_metadata":{"k 1":"v & w"},"ex_files":{"/etc/motd":"hello"}}`,
		"POST /servers 202", `"flavorId":"1","hostId":"[0-9a-f]{32}","imageId":"1","metadata":{"k 1":"v & w"},"password":"[^"]{12,}".*"name":"a & <b>".*"private_ips":\["10\..*"public_ips":\["198\.18\..*"state":"pending"`, "SERVER",
	},
	{"wait_until_running", `{"nodes":["@Node/SERVER"],"wait_period":0.05}`, "GET /servers/detail 200", `"state":"running".*\["198\.18\.`, ""},
	{"list_nodes", `{"ex_all_tenants":true}`, "GET /servers/detail 200", `"name":"a & <b>".*"state":"running"`, ""},
	{"ex_get_node_details", `{"node_id":"SERVER"}`, "GET /servers/SERVER 200", "", ""},
	{"ex_list_ip_addresses", `{"node_id":"SERVER"}`, "GET /servers/SERVER/ips 200", `"private_addresses":\["10\..*"public_addresses":\["198\.18\.`, ""},
	{"ex_set_server_name", `{"node":"@Node/SERVER","name":"new"}`, "PUT /servers/SERVER 204", `^true$`, ""},
	{"list_nodes", `{}`, "GET /servers/detail 200", `"name":"new"`, ""},
	{"ex_set_password", `{"node":"@Node/SERVER","password":"secret"}`, "PUT /servers/SERVER 204", `^true$`, ""},
	{"reboot_node", `{"node":"@Node/SERVER"}`, "POST /servers/SERVER/action 202", `^true$`, ""},
	{"ex_soft_reboot_node", `{"node":"@Node/SERVER"}`, "POST /servers/SERVER/action 202", `^true$`, ""},
	{"ex_hard_reboot_node", `{"node":"@Node/SERVER"}`, "POST /servers/SERVER/action 202", `^true$`, ""},
	{"ex_rebuild", `{"node_id":"@Node/SERVER","image_id":"@NodeImage/2"}`, "POST /servers/SERVER/action 202", `^true$`, ""},
	{"ex_resize", `{"node":"@Node/SERVER","size":"@NodeSize/2"}`, "POST /servers/SERVER/action 202", `^true$`, ""},
	{"list_nodes", `{}`, "GET /servers/detail 200", `"flavorId":"2",.*"imageId":"2"`, ""},
	{"ex_revert_resize", `{"node":"@Node/SERVER"}`, "POST /servers/SERVER/action 202", "", ""},
	{"list_nodes", `{}`, "GET /servers/detail 200", `"flavorId":"1"`, ""},
	{"ex_resize_node", `{"node":"@Node/SERVER","size":"@NodeSize/3"}`, "POST /servers/SERVER/action 202", `^true$`, ""},
	{"ex_confirm_resize", `{"node":"@Node/SERVER"}`, "POST /servers/SERVER/action 204", `^true$`, ""},
	{"list_nodes", `{}`, "GET /servers/detail 200", `"flavorId":"3"`, ""},
	{"create_image", `{"node":"@Node/SERVER","name":"i"}`, "POST /images 202", `"progress":"0","serverId":"SERVER","status":"QUEUED".*"id":"IMAGE","name":"i"`, "IMAGE"},
	{"get_image", `{"image_id":"IMAGE"}`, "GET /images/IMAGE 200", "", ""},
	{"list_images", `{"ex_only_active":false}`, "GET /images/detail 200", `"serverId":"SERVER","status":"ACTIVE".*"id":"IMAGE"`, ""},
	{"delete_image", `{"image":"@NodeImage/IMAGE"}`, "DELETE /images/IMAGE 204", `^true$`, ""},
	{"ex_limits", `{}`, "GET /limits 200", `^\{"absolute":\{"maxIPGroupMembers":"25","maxIPGroups":"25","maxTotalRAMSize":"[0-9]+"\},"rate":\[\]\}$`, ""},
	{"ex_create_ip_group", `{"group_name":"pair","node_id":"SERVER"}`, "POST /shared_ip_groups 201", `"id":"GROUP","name":"pair","servers":\["SERVER"\]`, "GROUP"},
	{
		"create_node", `{"name":"b","size":"@NodeSize/1","image":"@NodeImage/1","ex_shared_ip_group_id":"GROUP"}`,
		"POST /servers 202", `"id":"SECOND"`, "SECOND",
	},
	{"wait_until_running", `{"nodes":["@Node/SECOND"],"wait_period":0.05}`, "GET /servers/detail 200", `"state":"running"`, ""},
	{"ex_list_ip_groups", `{}`, "GET /shared_ip_groups 200", `"id":"GROUP","name":"pair","servers":null`, ""},
	{"ex_list_ip_groups", `{"details":true}`, "GET /shared_ip_groups/detail 200", `"servers":\["SERVER","SECOND"\]`, ""},
	{"ex_share_ip", `{"group_id":"GROUP","node_id":"SECOND","ip":"ADDRESS"}`, "PUT /servers/SECOND/ips/public/ADDRESS 202", `^true$`, ""},
	{"ex_list_ip_addresses", `{"node_id":"SECOND"}`, "GET /servers/SECOND/ips 200", `"public_addresses":\["[0-9.]+","ADDRESS"\]`, ""},
	{"ex_unshare_ip", `{"node_id":"SECOND","ip":"ADDRESS"}`, "DELETE /servers/SECOND/ips/public/ADDRESS 202", `^true$`, ""},
	{"ex_list_ip_addresses", `{"node_id":"SECOND"}`, "GET /servers/SECOND/ips 200", `"public_addresses":\["[0-9.]+"\]`, ""},
	{"destroy_node", `{"node":"@Node/SECOND"}`, "DELETE /servers/SECOND 202", `^true$`, ""},
	{"destroy_node", `{"node":"@Node/SERVER"}`, "DELETE /servers/SERVER 202", `^true$`, ""},
	{"ex_delete_ip_group", `{"group_id":"GROUP"}`, "DELETE /shared_ip_groups/GROUP 204", `^true$`, ""},
	{"list_nodes", `{}`, "GET /servers/detail 200", `^\[\]$`, ""},
	{"destroy_node", `{"node":"@Node/SERVER"}`, "DELETE /servers/SERVER 404", brokenFault, ""},
	{"ex_list_ip_addresses", `{"node_id":"SERVER"}`, "GET /servers/SERVER/ips 404", brokenFault, ""},
}

func TestLibcloudDoesEverything(t *testing.T) {
	n := start(t)
	p := newProxy(t, n.URL())
	c := nodetest.Client(t, n, "user")
	l := newLibrary(t, p.URL, c.User(), c.Key())
	everyMethodIsIn(t, l.methods)
	ids := map[string]string{}
	for _, s := range life {
		for name, id := range ids {
			s.arguments = strings.ReplaceAll(s.arguments, name, id)
			s.exchange = strings.ReplaceAll(s.exchange, name, id)
		}
		e := l.call(t, s.method, s.arguments)
		if s.makes != "" {
			object := made(t, e)
			ids[s.makes] = object.ID
			if s.makes == "SERVER" {
				ids["ADDRESS"] = object.PublicIPs[0]
			}
		}
		for name, id := range ids {
			s.want = strings.ReplaceAll(s.want, name, id)
		}
		s.judge(t, e)
		s.judgeWire(t, c, p.take())
	}
	nodetest.Audit(t, n)
}

// everyMethodIsIn fails the test when the driver has a call that is neither made nor among the foreign.
func everyMethodIsIn(t *testing.T, methods []string) {
	t.Helper()
	known := slices.Clone(foreign)
	for _, s := range life {
		known = append(known, s.method)
	}
	if len(methods) < 25 {
		t.Errorf("the driver has %v, want more", methods)
	}
	for _, m := range methods {
		if !slices.Contains(known, m) {
			t.Errorf("%s is not called", m)
		}
	}
}

// object is what a call has made.
type object struct {
	ID        string   `json:"id"`
	PublicIPs []string `json:"public_ips"` // of a server
}

func made(t *testing.T, e ended) object {
	t.Helper()
	var o object
	if err := json.Unmarshal(e.Result, &o); err != nil || o.ID == "" {
		t.Fatalf("made: %s %s, %v", e.Result, e.Error, err)
	}
	return o
}

// judge compares what the library made of the answer with what it should, or is known to.
func (s *step) judge(t *testing.T, e ended) {
	t.Helper()
	got := string(e.Result)
	if e.Error != "" {
		got = e.Error
	}
	want := s.want
	if known, ok := broken[s.method]; ok {
		want = known
	}
	if !regexp.MustCompile(want).MatchString(got) {
		t.Errorf("%s(%s) = %s, want %s", s.method, s.arguments, got, want)
	}
}

// judgeWire compares what went over the wire, and waits for the end of the operation that was begun. What can be packed is.
func (s *step) judgeWire(t *testing.T, c *client.Client, exchanges []exchange) {
	t.Helper()
	if s.exchange == "" && len(exchanges) > 0 || s.exchange != "" && len(exchanges) < 2 {
		t.Errorf("%s(%s): exchanges %v, want %s", s.method, s.arguments, exchanges, s.exchange)
	}
	for i, x := range exchanges {
		want := s.exchange
		if i%2 == 0 {
			want = login
		}
		if x.line != want {
			t.Errorf("%s(%s): %s, want %s", s.method, s.arguments, x.line, want)
		}
		if strings.HasSuffix(x.line, " 200") && !x.packed {
			t.Errorf("%s(%s): the answer is not gzip", s.method, s.arguments)
		}
		if x.operation == "" || strings.HasSuffix(x.line, " 404") {
			continue
		}
		if o, err := c.Await(t.Context(), x.operation); err != nil || o.State != "succeeded" {
			t.Errorf("%s(%s): operation %+v, %v", s.method, s.arguments, o, err)
		}
	}
}

func TestLibcloudIsToldOfAWrongKey(t *testing.T) {
	n := start(t)
	p := newProxy(t, n.URL())
	l := newLibrary(t, p.URL, "nobody", "wrong")
	e := l.call(t, "list_nodes", `{}`)
	if !strings.HasPrefix(e.Error, "InvalidCredsError: ") {
		t.Errorf("list_nodes() = %s %s, want InvalidCredsError", e.Result, e.Error)
	}
	if x := p.take(); len(x) != 1 || x[0].line != "GET /v1.0 401" {
		t.Errorf("exchanges %v, want one login", x)
	}
}
