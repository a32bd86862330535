package v10

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/ozonecloud/ozone/edge"
	"github.com/ozonecloud/ozone/edge/document"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/schemas/catalogue"
)

// TestSubmissionsAreTheOrdersOfTheirRoutes compares what is digested: a repetition may come either way.
func TestSubmissionsAreTheOrdersOfTheirRoutes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		action       schemas.Action
		target       int64
		body, params string
		route        func(document.Value) (edge.Order, error)
	}{
		{
			schemas.ServerCreate, 0, `{"server":{"name":"n","imageId":1,"flavorId":2,"metadata":{"a":"b"},"personality":[{"path":"/a","contents":"YQ=="}]}}`,
			`{"name":"n","imageId":1,"flavorId":2,"metadata":{"a":"b"},"personality":[{"path":"/a","contents":"YQ=="}]}`, createOrder,
		},
		{schemas.ServerUpdate, 7, `{"server":{"name":"n","adminPass":"p"}}`, `{"name":"n","adminPass":"p"}`, updateOrder},
		{schemas.ServerReboot, 7, `{"reboot":{"type":"HARD"}}`, `{"type":"HARD"}`, actionOrder},
		{schemas.ServerRebuild, 7, `{"rebuild":{}}`, `{}`, actionOrder},
		{schemas.ServerResize, 7, `{"resize":{"flavorId":3}}`, `{"flavorId":3}`, actionOrder},
		{
			schemas.ServerResize, 7, `{"resize":{"flavorId":3,"probe":{"type":"tcp","port":22}}}`, `{"flavorId":3,"probe":{"type":"tcp","port":22}}`,
			func(doc document.Value) (edge.Order, error) { // of the namespace ozone
				v, _ := doc.Member("resize")
				return edge.ResizeOrder(v)
			},
		},
		{schemas.ServerResizeConfirm, 7, `{"confirmResize":null}`, `{}`, actionOrder},
		{schemas.ServerResizeRevert, 7, `{"revertResize":null}`, `{}`, actionOrder},
		{schemas.ServerImage, 7, `{"image":{"serverId":7,"name":"i"}}`, `{"name":"i"}`, func(doc document.Value) (edge.Order, error) {
			p, err := imageParams(doc)
			return imageOrder(p), err
		}},
		{schemas.SharedIPGroupCreate, 0, `{"sharedIpGroup":{"name":"g","server":7}}`, `{"name":"g","server":7}`, func(doc document.Value) (edge.Order, error) {
			p, err := groupParams(doc)
			return edge.Order{Action: schemas.SharedIPGroupCreate, Params: p}, err
		}},
	} {
		want, err := c.route(parsed(t, c.body))
		if err != nil {
			t.Fatalf("%s: %v", c.body, err)
		}
		form := (&module{}).Submissions()[c.action]
		got, err := form.Order(c.target, parsed(t, c.params))
		want.Target, want.Payload.PasswordHash, got.Payload.PasswordHash = c.target, "", "" // each is salted
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s %s = %+v, %v, want %+v", c.action, c.params, got, err, want)
		}
	}
}

func TestWhatARouteOrdersCanBeSubmitted(t *testing.T) {
	t.Parallel()
	forms := (&module{}).Submissions()
	orders := slices.Collect(maps.Keys(acceptedStatus))
	orders = append(orders, schemas.ServerCreate, schemas.ServerImage, schemas.SharedIPGroupCreate)
	for _, action := range orders {
		if forms[action].Order == nil || forms[action].Verb == "" || forms[action].Params == nil {
			t.Errorf("%s cannot be submitted: %+v", action, forms[action])
		}
	}
	if len(forms) != len(orders) {
		t.Errorf("%d actions can be submitted, want the %d that routes order", len(forms), len(orders))
	}
}

func TestASubmissionOfAnImageNamesItsServerOnce(t *testing.T) {
	t.Parallel()
	form := (&module{}).Submissions()[schemas.ServerImage]
	for _, c := range []struct {
		target int64
		params string
		server schemas.ServerID // 0: refused
	}{
		{7, `{}`, 7}, {0, `{"serverId":7}`, 7}, {7, `{"serverId":7}`, 7}, {7, `{"serverId":8}`, 0}, {0, `{}`, 0},
	} {
		o, err := form.Order(c.target, parsed(t, c.params))
		if (err == nil) != (c.server != 0) || err == nil && (o.Params.Server != c.server || o.Target != int64(c.server)) {
			t.Errorf("target %d, %s = %+v, %v, want server %d", c.target, c.params, o, err, c.server)
		}
	}
}

// TestCommandsAreTakenAsTheirSchemasSay compares the members that the edge knows with those of the schemas, and has it take each example.
func TestCommandsAreTakenAsTheirSchemasSay(t *testing.T) {
	t.Parallel()
	forms := (&module{}).Submissions()
	described := 0
	for _, m := range catalogue.All() {
		if m.Family != catalogue.Commands {
			continue
		}
		described++
		form := forms[schemas.Action(m.Name)]
		properties, _ := m.Body["properties"].(catalogue.Schema)
		params, _ := properties["params"].(catalogue.Schema)
		if got := membersOf(params); len(got)+len(form.Params) > 0 && !reflect.DeepEqual(got, form.Params) {
			t.Errorf("%s: schemas/catalogue has the params %v, the edge takes %v", m.Name, got, form.Params)
		}
		example, err := json.Marshal(m.Example)
		if err != nil {
			t.Fatal(err)
		}
		body := parsed(t, string(example))
		target, _ := body.Member("target")
		id, _ := target.Int()
		given, ok := body.Member("params")
		if !ok {
			given = parsed(t, "{}")
		}
		if _, err := form.Order(id, given); err != nil {
			t.Errorf("%s: the example %s is refused: %v", m.Name, example, err)
		}
	}
	if described != len(forms) {
		t.Errorf("%d commands have a schema, %d can be submitted", described, len(forms))
	}
}

// membersOf is what an object of a schema may have; of a list it is each item.
func membersOf(s catalogue.Schema) edge.Members {
	if items, ok := s["items"].(catalogue.Schema); ok {
		return membersOf(items)
	}
	properties, ok := s["properties"].(catalogue.Schema)
	if !ok {
		return nil
	}
	members := edge.Members{}
	for name, inner := range properties {
		member, _ := inner.(catalogue.Schema)
		members[name] = membersOf(member)
	}
	return members
}
