package v10

import (
	"bytes"
	"encoding/base64"
	"path"
	"strings"
	"testing"

	"github.com/ozonecloud/ozone/edge"
	"github.com/ozonecloud/ozone/edge/document"
	"github.com/ozonecloud/ozone/edge/strictjson"
	"github.com/ozonecloud/ozone/schemas"
)

// FuzzBodies feeds JSON to every decoder: none may panic, and what passes keeps the contract's bounds.
func FuzzBodies(f *testing.F) {
	f.Add([]byte(server(pairs(2) + files(1, "/a", "YQ==") + `,"name":"n"`)))
	f.Add([]byte(`{"reboot":{"type":"SOFT"}}`))
	f.Add([]byte(`{"image":{"serverId":"12","name":"n"}}`))
	f.Add([]byte(`{"server":{"name":"n","adminPass":"p"}}`))
	f.Add([]byte(`{"backupSchedule":{"enabled":true,"weekly":"SUNDAY","daily":"H_0400_0600"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if doc, err := strictjson.Parse(data); err == nil {
			decodeAll(t, data, doc)
		}
	})
}

// FuzzXMLBodies does the same with XML, and looks that the order is the same when the body was written as XML anew.
func FuzzXMLBodies(f *testing.F) {
	f.Add([]byte(`<server xmlns="` + edge.NamespaceV10 + `" name="n" imageId="1" flavorId="2"><metadata><meta key="k">v</meta></metadata>` +
		`<personality><file path="/a"> YQ== </file></personality><addresses><public><ip addr="a"/></public></addresses></server>`))
	f.Add([]byte(`<reboot type="SOFT"/>`))
	f.Add([]byte(`<a:image xmlns:a="` + edge.NamespaceV10 + `" serverId="12" name="n"/>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		doc, err := form.Parse(data)
		if err != nil {
			return
		}
		decodeAll(t, data, doc)
		o, err := createOrder(doc)
		if err != nil {
			return
		}
		again, err := form.Parse(form.Append(nil, doc))
		if err != nil {
			t.Fatalf("%q is read, and written anew it is refused: %v", data, err)
		}
		if second, err := createOrder(again); err != nil || string(mustMarshal(t, second.Params)) != string(mustMarshal(t, o.Params)) {
			t.Errorf("createOrder(%q) = %+v, written anew %+v, %v", data, o, second, err)
		}
	})
}

func decodeAll(t *testing.T, data []byte, doc document.Value) {
	t.Helper()
	_, _ = actionOrder(doc)
	_, _ = imageParams(doc)
	_, _ = updateOrder(doc)
	if s, err := backupSchedule(doc); err == nil && (!s.Weekly.Valid() || !s.Daily.Valid()) {
		t.Errorf("backupSchedule(%q) = %+v", data, s)
	}
	o, err := createOrder(doc)
	if err != nil {
		return
	}
	p := o.Params
	if p.Image <= 0 || p.Flavor <= 0 || len(p.Metadata) > 5 || len(o.Payload.Personality) > 5 || p.Name != nil && len(*p.Name) > 255 {
		t.Errorf("createOrder(%q) = %+v", data, o)
	}
	for k, v := range p.Metadata {
		if !schemas.CleanText(k) || !schemas.CleanText(v) || len(k) > 255 || len(v) > 255 {
			t.Errorf("createOrder(%q): metadata %q: %q", data, k, v)
		}
	}
	for _, file := range o.Payload.Personality {
		if len(file.Contents) > 10240 || strings.Contains(file.Path+"/", "/../") || !strings.HasPrefix(file.Path, "/") {
			t.Errorf("createOrder(%q): file %q", data, file.Path)
		}
	}
}

// FuzzPersonality feeds a path and contents to the reader of files: what is taken has its place below the root of the guest, and its bytes are
// those that were encoded.
func FuzzPersonality(f *testing.F) {
	for name, contents := range map[string]string{
		"/etc/motd": "aGVsbG8=", "/a": " aGVs\r\n\tbG8", "/../etc/shadow": "YQ==", "/a/../b": "YQ", "//host/a": "", "/a/": "YQ==", "/": "YQ==", "": "", "etc/f": "YQ==",
		"/a\x00b": "====", `C:\a`: "_-_-", "/\u202e": "YQ==YQ==", "/.": "é", "/a//b": "Y",
	} {
		f.Add(name, contents)
	}
	f.Fuzz(func(t *testing.T, name, contents string) {
		v := document.Value{Kind: document.Object}
		v.Put("path", document.NewText(name))
		v.Put("contents", document.NewText(contents))
		got, err := file(v)
		if err != nil {
			return
		}
		if got.Path != name || !strings.HasPrefix(name, "/") || path.Join("/guest", name) != "/guest"+name || strings.ContainsRune(name, 0) || len(name) > maxPathBytes {
			t.Errorf("the path %q is taken as %q", name, got.Path)
		}
		if len(got.Contents) > maxFileBytes {
			t.Errorf("%d bytes are taken", len(got.Contents))
		}
		if again, err := decodeBase64(base64.StdEncoding.EncodeToString(got.Contents)); err != nil || !bytes.Equal(again, got.Contents) {
			t.Errorf("decodeBase64(%q) = %q, encoded anew %q, %v", contents, got.Contents, again, err)
		}
	})
}
