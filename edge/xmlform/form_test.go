package xmlform

import (
	"reflect"
	"strings"
	"testing"

	"github.com/ozonecloud/ozone/edge/document"
	"github.com/ozonecloud/ozone/edge/strictjson"
)

// zoo has every kind of element.
var zoo = &Form{Namespace: "urn:zoo", Elements: map[string]Element{
	"zoo":   {Children: []string{"label", "names", "house", "animals", "sizes"}},
	"label": {Item: "meta", Key: "key"},
	"names": {Item: "name", Value: "is"},
	"house": {Children: []string{"door"}, Text: "says"},
	// The items of animals are objects, those of sizes a map of numbers.
	"animals": {Item: "animal"},
	"sizes":   {Item: "size", Key: "of", Value: "is"},
	"words":   {Item: "word"},
}}

func parseJSON(t *testing.T, s string) document.Value {
	t.Helper()
	v, err := strictjson.Parse([]byte(s))
	if err != nil {
		t.Fatalf("%s: %v", s, err)
	}
	return v
}

func TestEveryKindOfMemberIsWritten(t *testing.T) {
	t.Parallel()
	for doc, want := range map[string]string{
		`{"zoo":{}}`: `<zoo xmlns="urn:zoo"/>`,
		`{"zoo":{"a":1,"b":"x","c":true,"d":null}}`:     `<zoo xmlns="urn:zoo" a="1" b="x" c="true"/>`,
		`{"zoo":{"a":"<&>\"'\n\t ü"}}`:                  `<zoo xmlns="urn:zoo" a="&lt;&amp;&gt;&#34;&#39;&#xA;&#x9; ü"/>`,
		`{"zoo":{"a":"\u0007\uffff"}}`:                  "<zoo xmlns=\"urn:zoo\" a=\"\ufffd\ufffd\"/>",
		`{"zoo":{"house":null,"names":["x"],"a":1}}`:    `<zoo xmlns="urn:zoo" a="1"><names><name is="x"/></names></zoo>`,
		`{"zoo":{"names":[],"label":{}}}`:               `<zoo xmlns="urn:zoo"><label/><names/></zoo>`,
		`{"zoo":{"label":{"a b":"<x>","c":""}}}`:        `<zoo xmlns="urn:zoo"><label><meta key="a b">&lt;x&gt;</meta><meta key="c"/></label></zoo>`,
		`{"zoo":{"house":{"says":"hi","door":{}}}}`:     `<zoo xmlns="urn:zoo"><house><door/>hi</house></zoo>`,
		`{"zoo":{"new":{"x":1},"house":"h"}}`:           `<zoo xmlns="urn:zoo"><house>h</house><new x="1"/></zoo>`,
		`{"zoo":{"animals":[{"id":1},{"id":2}]}}`:       `<zoo xmlns="urn:zoo"><animals><animal id="1"/><animal id="2"/></animals></zoo>`,
		`{"zoo":{"sizes":{"tall":3,"wide":4}}}`:         `<zoo xmlns="urn:zoo"><sizes><size of="tall" is="3"/><size of="wide" is="4"/></sizes></zoo>`,
		`{"words":["a","b c"]}`:                         `<words xmlns="urn:zoo"><word>a</word><word>b c</word></words>`,
		`{"unknown":["a"]}`:                             `<unknown xmlns="urn:zoo"><item>a</item></unknown>`,
		`{"animals":[]}`:                                `<animals xmlns="urn:zoo"/>`,
		`{"zoo":null}`:                                  `<zoo xmlns="urn:zoo"/>`,
		`{"zoo":{"zoo":{"label":{"k":"v"},"a":false}}}`: `<zoo xmlns="urn:zoo"><zoo a="false"><label><meta key="k">v</meta></label></zoo></zoo>`,
	} {
		if got := string(zoo.Append([]byte("before "), parseJSON(t, doc))); got != "before "+declaration+want {
			t.Errorf("Append(%s) = %s, want %s", doc, got, want)
		}
	}
}

func TestEveryKindOfMemberIsRead(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`<zoo/>`:                 `{"zoo":{}}`,
		`<zoo xmlns="urn:zoo"/>`: `{"zoo":{}}`,
		`<z:zoo xmlns:z="urn:zoo" a="1" z:a="2" xml:lang="en"/>`:                              `{"zoo":{"a":"1"}}`,
		`<zoo a="1" b="">  </zoo>`:                                                            `{"zoo":{"a":"1","b":""}}`,
		`<zoo xmlns="urn:zoo"><unknown>x</unknown><unknown/><a:names xmlns:a="a"/></zoo>`:     `{"zoo":{}}`,
		`<zoo names="x" label="y"/>`:                                                          `{"zoo":{}}`,
		`<zoo><names/><label/></zoo>`:                                                         `{"zoo":{"names":[],"label":{}}}`,
		`<zoo><names><name is="x"/><other/><name is="y">z</name></names></zoo>`:               `{"zoo":{"names":["x","y"]}}`,
		`<zoo><label><meta key="a"> b <!-- --> </meta><meta key=""><x/></meta></label></zoo>`: `{"zoo":{"label":{"a":" b  ","":""}}}`,
		`<zoo><house says="no" a="1"> hi <door/></house></zoo>`:                               `{"zoo":{"house":{"a":"1","door":{},"says":" hi "}}}`,
		`<zoo><house/></zoo>`:                                                                 `{"zoo":{"house":{"says":""}}}`,
		`<animals><animal id="1"/><animal id="2"/></animals>`:                                 `{"animals":[{"id":"1"},{"id":"2"}]}`,
	} {
		if got, err := zoo.Parse([]byte(body)); err != nil || !reflect.DeepEqual(got, parseJSON(t, want)) {
			t.Errorf("Parse(%s) = %+v, %v, want %s", body, got, err, want)
		}
	}
}

func TestOtherDocumentsAreRefused(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`<zoo`:                                     "not one XML document",
		`<zoo xmlns="urn:other"/>`:                 "namespace urn:zoo",
		`<z:zoo/>`:                                 "namespace urn:zoo",
		`<zoo>text</zoo>`:                          "text, where none belongs",
		`<zoo><names>x</names></zoo>`:              "text, where none belongs",
		`<zoo><names/><names/></zoo>`:              "zoo has names twice",
		`<zoo><names><name/></names></zoo>`:        "name must have an attribute is",
		`<zoo><label><meta>x</meta></label></zoo>`: "meta must have an attribute key",
		`<zoo><label><meta key="a"/><meta key="a"/></label></zoo>`: "label has a key twice",
		`<zoo><house><door/><door/></house></zoo>`:                 "house has door twice",
		`<zoo><animals><animal>x</animal></animals></zoo>`:         "text, where none belongs",
		`<zoo xmlns:z="urn:zoo"><z:names/><names xmlns=""/></zoo>`: "zoo has names twice",
		strings.Repeat("<zoo>", 17) + strings.Repeat("</zoo>", 17): "nested too deeply",
	} {
		if got, err := zoo.Parse([]byte(body)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Parse(%s) = %+v, %v, want an error with %q", body, got, err, want)
		}
	}
}

// FuzzForm writes what was read and reads it again: it must say the same.
func FuzzForm(f *testing.F) {
	f.Add([]byte(`<zoo a="1"><names><name is="x"/></names><label><meta key="k"> v </meta></label><house>s<door/></house></zoo>`))
	f.Add([]byte(`<z:animals xmlns:z="urn:zoo"><z:animal b="&#10;&lt;"/></z:animals>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		first, err := zoo.Parse(data)
		if err != nil {
			return
		}
		written := zoo.Append(nil, first)
		second, err := zoo.Parse(written)
		if again := zoo.Append(nil, second); err != nil || string(again) != string(written) {
			t.Errorf("Parse(%q), written as %q, read again and written: %q, %v", data, written, again, err)
		}
	})
}
