package v10

import (
	"encoding/base64"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/ozonecloud/ozone/edge"
	"github.com/ozonecloud/ozone/edge/strictjson"
	"github.com/ozonecloud/ozone/schemas"
)

// server is a create's body with more members.
func server(more string) string { return `{"server":{"imageId":1,"flavorId":2` + more + `}}` }

func files(n int, path, contents string) string {
	f := fmt.Sprintf(`{"path":%q,"contents":%q}`, path, contents)
	return `,"personality":[` + strings.TrimSuffix(strings.Repeat(f+",", n), ",") + `]`
}

func pairs(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"k%d":"v",`, i)
	}
	return `,"metadata":{` + strings.TrimSuffix(b.String(), ",") + `}`
}

func encoded(n int) string { return base64.StdEncoding.EncodeToString(make([]byte, n)) }

func kindOf(t *testing.T, err error) schemas.Kind {
	t.Helper()
	if err == nil {
		return ""
	}
	e, ok := err.(*schemas.Error) //nolint:errorlint // nothing wraps it here
	if !ok {
		t.Fatalf("%v is no *schemas.Error", err)
	}
	return e.Kind
}

func TestCreateBodiesAreCheckedMemberByMember(t *testing.T) {
	t.Parallel()
	const bad = schemas.KindInvalid
	for _, c := range []struct {
		name, body string
		want       schemas.Kind
	}{
		{"nothing", `{}`, bad},
		{"server is null", `{"server":null}`, bad},
		{"server is a list", `{"server":[]}`, bad},
		{"server in capitals", `{"SERVER":{"imageId":1,"flavorId":2}}`, bad},
		{"no image", `{"server":{"flavorId":1}}`, bad},
		{"no flavor", `{"server":{"imageId":1}}`, bad},
		{"members in capitals", `{"server":{"ImageId":1,"FlavorId":2}}`, bad},
		{"image 0", `{"server":{"imageId":0,"flavorId":2}}`, bad},
		{"image -1", `{"server":{"imageId":-1,"flavorId":2}}`, bad},
		{"image 1.0", `{"server":{"imageId":1.0,"flavorId":2}}`, bad},
		{"image 1e3", `{"server":{"imageId":1e3,"flavorId":2}}`, bad},
		{"image 1e400", `{"server":{"imageId":1e400,"flavorId":2}}`, bad},
		{"image 2^63", `{"server":{"imageId":9223372036854775808,"flavorId":2}}`, bad},
		{"image true", `{"server":{"imageId":true,"flavorId":2}}`, bad},
		{"image blank", `{"server":{"imageId":"","flavorId":2}}`, bad},
		{"image +1", `{"server":{"imageId":"+1","flavorId":2}}`, bad},
		{"image null", `{"server":{"imageId":null,"flavorId":2}}`, bad},
		{"quoted ids", `{"server":{"imageId":"1","flavorId":"2"}}`, ""},
		{"the least", server(``), ""},
		{"unknown members", server(`,"adminPass":"mine","fancy":{"a":[1]}`), ""},
		{"nulls", server(`,"name":null,"metadata":null,"personality":null,"sharedIpGroupId":null,"addresses":null`), ""},
		{"name blank", server(`,"name":""`), bad},
		{"name of spaces", server(`,"name":" \t"`), bad},
		{"name is a number", server(`,"name":7`), bad},
		{"name of 255 bytes", server(`,"name":"` + strings.Repeat("n", 255) + `"`), ""},
		{"name of 256 bytes", server(`,"name":"` + strings.Repeat("ü", 128) + `"`), bad},
		{"name right to left", server(`,"name":"\u202eשלום"`), ""},
		{"name with a bell", server(`,"name":"a\u0007"`), bad},
		{"name with U+FFFF", server(`,"name":"a\uffff"`), bad},
		{"metadata empty", server(`,"metadata":{}`), ""},
		{"metadata a list", server(`,"metadata":[]`), bad},
		{"metadata a text", server(`,"metadata":"a"`), bad},
		{"metadata of 5", server(pairs(5)), ""},
		{"metadata of 6", server(pairs(6)), bad},
		{"metadata with a number", server(`,"metadata":{"k":1}`), bad},
		{"metadata with a long key", server(`,"metadata":{"` + strings.Repeat("k", 256) + `":"v"}`), bad},
		{"metadata with a long value", server(`,"metadata":{"k":"` + strings.Repeat("v", 256) + `"}`), bad},
		{"metadata with a bell", server(`,"metadata":{"k":"\u0007"}`), bad},
		{"personality empty", server(`,"personality":[]`), ""},
		{"personality an object", server(`,"personality":{}`), bad},
		{"personality of texts", server(`,"personality":["a"]`), bad},
		{"5 files", server(files(5, "/a", "")), ""},
		{"6 files", server(files(6, "/a", "")), bad},
		{"10240 bytes", server(files(1, "/a", encoded(10240))), ""},
		{"10241 bytes", server(files(1, "/a", encoded(10241))), bad},
		{"base64 broken", server(files(1, "/a", "a*b=")), bad},
		{"base64 without padding", server(files(1, "/a", "YQ")), ""},
		{"base64 wrapped and indented", server(files(1, "/a", "  aGVs\n  bG8=\n ")), ""},
		{"contents missing", server(`,"personality":[{"path":"/a"}]`), bad},
		{"contents a number", server(`,"personality":[{"path":"/a","contents":1}]`), bad},
		{"path missing", server(`,"personality":[{"contents":""}]`), bad},
		{"path relative", server(files(1, "etc/motd", "")), bad},
		{"path of the root", server(files(1, "/", "")), bad},
		{"path with ..", server(files(1, "/../etc/shadow", "")), bad},
		{"path with .. inside", server(files(1, "/a/../etc/shadow", "")), bad},
		{"path with //", server(files(1, "//etc/motd", "")), bad},
		{"path with a slash at its end", server(files(1, "/etc/", "")), bad},
		{"path of 255 bytes", server(files(1, "/"+strings.Repeat("p", 254), "")), ""},
		{"path of 256 bytes", server(files(1, "/"+strings.Repeat("p", 255), "")), bad},
		{"group", server(`,"sharedIpGroupId":1`), ""},
		{"group 0", server(`,"sharedIpGroupId":0`), bad},
		{"group and address", server(`,"sharedIpGroupId":1,"addresses":{"public":["198.18.0.1"]}`), ""},
		{"group and two addresses", server(`,"sharedIpGroupId":1,"addresses":{"public":["198.18.0.1","198.18.0.2"]}`), bad},
		{"group and no IPv4 address", server(`,"sharedIpGroupId":1,"addresses":{"public":["::1"]}`), bad},
		{"group and a number for an address", server(`,"sharedIpGroupId":1,"addresses":{"public":[1]}`), bad},
		{"group and an object for addresses", server(`,"sharedIpGroupId":1,"addresses":{"public":{"a":"198.18.0.1"}}`), bad},
		{"address without a group", server(`,"addresses":{"public":["198.18.0.1"]}`), bad},
		{"a text for addresses", server(`,"sharedIpGroupId":1,"addresses":"198.18.0.1"`), bad},
		{"a text for the public addresses", server(`,"sharedIpGroupId":1,"addresses":{"public":"198.18.0.1"}`), bad},
		{"no addresses", server(`,"addresses":{"public":[],"private":[]}`), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			doc, err := strictjson.Parse([]byte(c.body))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := createOrder(doc); kindOf(t, err) != c.want {
				t.Errorf("createOrder(%.80s) = %v, want %q", c.body, err, c.want)
			}
		})
	}
}

func TestUpdatesNeedANameOrAPassword(t *testing.T) {
	t.Parallel()
	for body, ok := range map[string]bool{
		`{"server":{"name":"n"}}`:                                     true,
		`{"server":{"adminPass":"p"}}`:                                true,
		`{"server":{"name":"n","adminPass":"p"}}`:                     true,
		`{"server":{"name":null,"adminPass":"p"}}`:                    true,
		`{"server":{"name":"n","adminPass":null}}`:                    true,
		`{"server":{"adminPass":"` + strings.Repeat("p", 255) + `"}}`: true,
		`{"server":{}}`:                                               false,
		`{"server":{"name":""}}`:                                      false,
		`{"server":{"name":"","adminPass":"p"}}`:                      false,
		`{"server":{"name":"n","adminPass":""}}`:                      false,
		`{"server":{"adminPass":1}}`:                                  false,
		`{"server":{"adminPass":"` + strings.Repeat("p", 256) + `"}}`: false,
		`{}`:                      false,
		`"server"`:                false,
		`{"server":{"NAME":"n"}}`: false,
		`{"server":{"name":"` + strings.Repeat("n", 256) + `","adminPass":""}}`: false,
	} {
		doc, err := strictjson.Parse([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := updateOrder(doc); (err == nil) != ok {
			t.Errorf("updateOrder(%.80s) = %v, want it to pass: %v", body, err, ok)
		}
	}
}

func TestActionsHaveOneMember(t *testing.T) {
	t.Parallel()
	order := func(a schemas.Action, p schemas.Params) *edge.Order { return &edge.Order{Action: a, Params: p} }
	for body, want := range map[string]*edge.Order{
		`{"reboot":{"type":"SOFT"}}`:                 order(schemas.ServerReboot, schemas.Params{}),
		`{"reboot":{"type":"HARD"}}`:                 order(schemas.ServerReboot, schemas.Params{Hard: true}),
		`{"rebuild":{"imageId":"7"}}`:                order(schemas.ServerRebuild, schemas.Params{Image: 7}),
		`{"rebuild":{}}`:                             order(schemas.ServerRebuild, schemas.Params{}),
		`{"rebuild":{"imageId":null}}`:               order(schemas.ServerRebuild, schemas.Params{}),
		`{"rebuild":null}`:                           order(schemas.ServerRebuild, schemas.Params{}),
		`{"resize":{"flavorId":3}}`:                  order(schemas.ServerResize, schemas.Params{Flavor: 3}),
		`{"confirmResize":null}`:                     order(schemas.ServerResizeConfirm, schemas.Params{}),
		`{"confirmResize":{}}`:                       order(schemas.ServerResizeConfirm, schemas.Params{}),
		`{"revertResize":""}`:                        order(schemas.ServerResizeRevert, schemas.Params{}),
		`{"reboot":{"type":"soft"}}`:                 nil,
		`{"reboot":{"type":"SOFT "}}`:                nil,
		`{"reboot":{}}`:                              nil,
		`{"reboot":null}`:                            nil,
		`{"reboot":"HARD"}`:                          nil,
		`{"rebuild":{"imageId":0}}`:                  nil,
		`{"rebuild":{"imageId":"x"}}`:                nil,
		`{"rebuild":7}`:                              nil,
		`{"resize":{}}`:                              nil,
		`{"resize":{"flavorId":null}}`:               nil,
		`{"confirmResize":1}`:                        nil,
		`{"confirmResize":"yes"}`:                    nil,
		`{"revertResize":[]}`:                        nil,
		`{}`:                                         nil,
		`[]`:                                         nil,
		`null`:                                       nil,
		`{"Reboot":{"type":"SOFT"}}`:                 nil,
		`{"unknown":{}}`:                             nil,
		`{"reboot":{"type":"SOFT"},"x":1}`:           nil,
		`{"confirmResize":null,"revertResize":null}`: nil,
	} {
		doc, err := strictjson.Parse([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		got, err := actionOrder(doc)
		if (err == nil) != (want != nil) || want != nil && !reflect.DeepEqual(got, *want) {
			t.Errorf("actionOrder(%s) = %+v, %v, want %+v", body, got, err, want)
		}
	}
}

func TestImagesNeedTheirServer(t *testing.T) {
	t.Parallel()
	for body, ok := range map[string]bool{
		`{"image":{"serverId":12,"name":"n"}}`: true,
		`{"image":{"serverId":"12"}}`:          true,
		`{"image":{"name":"n"}}`:               false,
		`{"image":{"serverId":0}}`:             false,
		`{"image":{"serverId":12,"name":" "}}`: false,
		`{"image":null}`:                       false,
	} {
		doc, err := strictjson.Parse([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := imageParams(doc); (err == nil) != ok {
			t.Errorf("imageParams(%s) = %v, want it to pass: %v", body, err, ok)
		}
	}
}
