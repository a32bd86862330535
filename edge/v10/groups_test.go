package v10

import (
	"testing"

	"github.com/ozonecloud/ozone/edge/document"
	"github.com/ozonecloud/ozone/edge/strictjson"
	"github.com/ozonecloud/ozone/schemas"
)

// parsed reads a body in the format that it is in.
func parsed(t *testing.T, body string) document.Value {
	t.Helper()
	parse := strictjson.Parse
	if body[0] == '<' {
		parse = form.Parse
	}
	doc, err := parse([]byte(body))
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return doc
}

func TestGroupsBeginWithOneServerAtMost(t *testing.T) {
	t.Parallel()
	const refused = -1
	for body, want := range map[string]schemas.ServerID{
		`{"sharedIpGroup":{"name":"g"}}`:                                                0,
		`{"sharedIpGroup":{}}`:                                                          0,
		`{"sharedIpGroup":{"name":"g","server":422}}`:                                   422,
		`{"sharedIpGroup":{"name":"g","server":"422"}}`:                                 422,
		`{"sharedIpGroup":{"name":"g","server":null}}`:                                  0,
		`<sharedIpGroup name="g"/>`:                                                     0,
		`<sharedIpGroup name="g"><server id="422"/></sharedIpGroup>`:                    422,
		`{"sharedIpGroup":{"name":"g","server":0}}`:                                     refused,
		`{"sharedIpGroup":{"name":"g","server":[422]}}`:                                 refused,
		`{"sharedIpGroup":{"name":"g","servers":[422]}}`:                                refused,
		`{"sharedIpGroup":{"name":" "}}`:                                                refused,
		`{"group":{"name":"g"}}`:                                                        refused,
		`<sharedIpGroup name="g"><server/></sharedIpGroup>`:                             refused,
		`<sharedIpGroup name="g"><servers><server id="422"/></servers></sharedIpGroup>`: refused,
	} {
		p, err := groupParams(parsed(t, body))
		if (err != nil) != (want == refused) || err == nil && p.Server != want {
			t.Errorf("groupParams(%s) = server %d, %v, want %d", body, p.Server, err, want)
		}
	}
}

func TestSharingNamesItsGroup(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]*schemas.Params{
		`{"shareIp":{"sharedIpGroupId":12,"configureServer":true}}`:    {Group: 12, Configure: true},
		`{"shareIp":{"sharedIpGroupId":"12","configureServer":false}}`: {Group: 12},
		`{"shareIp":{"sharedIpGroupId":12}}`:                           {Group: 12},
		`<shareIp sharedIpGroupId="12" configureServer="true"/>`:       {Group: 12, Configure: true},
		`<shareIp sharedIpGroupId="12" configureServer="1"/>`:          {Group: 12, Configure: true},
		`<shareIp sharedIpGroupId="12" configureServer="0"/>`:          {Group: 12},
		`{"shareIp":{"configureServer":true}}`:                         nil,
		`{"shareIp":{"sharedIpGroupId":12,"configureServer":"yes"}}`:   nil,
		`{"shareIp":{"sharedIpGroupId":12,"configureServer":{}}}`:      nil,
		`{"shareIp":null}`: nil,
	} {
		o, err := shareOrder(parsed(t, body))
		if (err == nil) != (want != nil) || want != nil && (o.Params.Group != want.Group || o.Params.Configure != want.Configure) {
			t.Errorf("shareOrder(%s) = %+v, %v, want %+v", body, o.Params, err, want)
		}
	}
}
