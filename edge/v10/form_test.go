package v10

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/ozonecloud/ozone/edge"
	"github.com/ozonecloud/ozone/schemas"
)

func mustMarshal(t *testing.T, v any) []byte {
	t.Helper()
	doc, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestXMLCreateBodiesAreCheckedElementByElement(t *testing.T) {
	t.Parallel()
	const bad = schemas.KindInvalid
	file := `<file path="/a">YQ==</file>`
	for _, c := range []struct {
		name, attributes, inside string
		want                     schemas.Kind
	}{
		{"the least", ``, ``, ""},
		{"as old clients write it", ` name="n" adminPass="x" hostId=""`, "\n  <metadata/>\n", ""},
		{"unknown attributes and elements", ` fancy="1" xml:lang="en"`, `<fancy>text<a/></fancy><fancy/>`, ""},
		{"elements of another namespace", ``, `<x:metadata xmlns:x="urn:x">text</x:metadata>`, ""},
		{"blank name", ` name=" "`, ``, bad},
		{"name of 256 bytes", ` name="` + strings.Repeat("n", 256) + `"`, ``, bad},
		{"metadata", ``, `<metadata><meta key="a">b</meta><meta key="c"/></metadata>`, ""},
		{"metadata without a key", ``, `<metadata><meta>b</meta></metadata>`, bad},
		{"metadata with a key twice", ``, `<metadata><meta key="a">b</meta><meta key="a">c</meta></metadata>`, bad},
		{"metadata twice", ``, `<metadata/><metadata/>`, bad},
		{"metadata of 6", ``, `<metadata>` + strings.Join(keys(6), "") + `</metadata>`, bad},
		{"metadata with a long value", ``, `<metadata><meta key="a">` + strings.Repeat("v", 256) + `</meta></metadata>`, bad},
		{"personality", ``, `<personality>` + strings.Repeat(file, 5) + `</personality>`, ""},
		{"personality of 6", ``, `<personality>` + strings.Repeat(file, 6) + `</personality>`, bad},
		{"personality with bad base64", ``, `<personality><file path="/a">%</file></personality>`, bad},
		{"personality with a climbing path", ``, `<personality><file path="/../a">YQ==</file></personality>`, bad},
		{"personality without a path", ``, `<personality><file>YQ==</file></personality>`, bad},
		{"text", ``, `text`, bad},
		{"group", ` sharedIpGroupId="7"`, ``, ""},
		{"group and address", ` sharedIpGroupId="7"`, `<addresses><public><ip addr="198.18.0.1"/></public></addresses>`, ""},
		{"group and two addresses", ` sharedIpGroupId="7"`, `<addresses><public><ip addr="198.18.0.1"/><ip addr="198.18.0.2"/></public></addresses>`, bad},
		{"address without a group", ``, `<addresses><public><ip addr="198.18.0.1"/></public></addresses>`, bad},
		{"no addresses", ``, `<addresses><public/><private/></addresses>`, ""},
	} {
		body := `<server imageId="1" flavorId="2"` + c.attributes + `>` + c.inside + `</server>`
		doc, err := form.Parse([]byte(body))
		if err != nil {
			err = invalid("%v", err)
		}
		if err == nil {
			_, err = createOrder(doc)
		}
		if kindOf(t, err) != c.want {
			t.Errorf("%s: createOrder(%.90s) = %v, want %q", c.name, body, err, c.want)
		}
	}
}

// keys are n pairs of metadata.
func keys(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = `<meta key="` + strings.Repeat("k", i) + `">v</meta>`
	}
	return list
}

// TestXMLBodiesAskForWhatTheySay has every member that a body can have.
func TestXMLBodiesAskForWhatTheySay(t *testing.T) {
	t.Parallel()
	doc, err := form.Parse([]byte(`<?xml version="1.0" encoding="UTF-8"?>
<s:server xmlns:s="` + edge.NamespaceV10 + `" name="a&amp;b" imageId="1" flavorId="2">
  <s:personality>
    <s:file path="/etc/motd">
      aGVs
      bG8=
    </s:file>
  </s:personality>
  <s:metadata><s:meta key="k 1"> v </s:meta></s:metadata>
</s:server>`))
	if err != nil {
		t.Fatal(err)
	}
	name := "a&b"
	want := edge.Order{
		Action:  schemas.ServerCreate,
		Params:  schemas.Params{Name: &name, Image: 1, Flavor: 2, Metadata: map[string]string{"k 1": " v "}},
		Payload: schemas.Payload{Personality: []schemas.File{{Path: "/etc/motd", Contents: []byte("hello")}}},
	}
	if got, err := createOrder(doc); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("createOrder = %+v, %v, want %+v", got, err, want)
	}
}
