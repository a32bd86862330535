package v10

import (
	"strconv"

	"github.com/ozonecloud/ozone/edge"
	"github.com/ozonecloud/ozone/edge/xmlform"
	"github.com/ozonecloud/ozone/storage"
)

// form is the XML form of everything in v1.0.
var form = &xmlform.Form{Namespace: edge.NamespaceV10, Elements: map[string]xmlform.Element{
	"versions": {Item: "version"},
	"flavors":  {Item: "flavor"},
	"images":   {Item: "image"},
	"servers":  {Item: "server", Value: "id"}, // objects, or the numbers of a group's

	"server": {Children: []string{"metadata", "addresses", "personality"}},
	// A request names one server, an answer has the list of them.
	"sharedIpGroup":  {Children: []string{"server", "servers"}},
	"sharedIpGroups": {Item: "sharedIpGroup"},
	"metadata":       {Item: "meta", Key: "key"},
	"addresses":      {Children: []string{"public", "private"}},
	"public":         {Item: "ip", Value: "addr"},
	"private":        {Item: "ip", Value: "addr"},
	"personality":    {Item: "file"},
	"file":           {Text: "contents"},

	"limits":   {Children: []string{"rate", "absolute"}},
	"rate":     {Item: "limit"},
	"absolute": {Item: "limit", Key: "name", Value: "value"},
}}

// plain is a body made of an ordinary value.
func plain(v any) edge.Body { return edge.Document{Value: v, XML: form} }

// one is an object in detail form inside its envelope. The stored form goes out as it is.
type one struct {
	envelope string
	rendered []byte
}

// AppendJSON appends {"server":{...}}.
func (b one) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"`...)
	dst = append(dst, b.envelope...)
	dst = append(dst, `":`...)
	dst = append(dst, b.rendered...)
	return append(dst, '}')
}

// Form is that of v1.0.
func (b one) Form() *xmlform.Form { return form }

// created is a new server with the password that is shown this once.
type created struct {
	rendered []byte
	password string // "": it was shown before
}

// AppendJSON appends {"server":{...,"adminPass":"..."}}.
func (b created) AppendJSON(dst []byte) []byte {
	dst = one{"server", b.rendered}.AppendJSON(dst)
	if b.password == "" {
		return dst
	}
	dst = append(dst[:len(dst)-len(`}}`)], `,"adminPass":`...)
	dst = edge.AppendString(dst, b.password)
	return append(dst, `}}`...)
}

// Form is that of v1.0.
func (b created) Form() *xmlform.Form { return form }

// list is objects in detail form inside their envelope.
type list struct {
	envelope string
	objects  []storage.Object
}

// AppendJSON appends {"servers":[{...},...]}.
func (b list) AppendJSON(dst []byte) []byte {
	return appendList(dst, b.envelope, len(b.objects), func(dst []byte, i int) []byte {
		return append(dst, b.objects[i].Rendered...)
	})
}

// Form is that of v1.0.
func (b list) Form() *xmlform.Form { return form }

// shortList is objects in short form inside their envelope.
type shortList struct {
	envelope string
	objects  []storage.Object
}

// AppendJSON appends {"servers":[{"id":1,"name":"x"},...]}.
func (b shortList) AppendJSON(dst []byte) []byte {
	return appendList(dst, b.envelope, len(b.objects), func(dst []byte, i int) []byte {
		return append(appendIDName(dst, b.objects[i].ID, b.objects[i].Name), '}')
	})
}

// Form is that of v1.0.
func (b shortList) Form() *xmlform.Form { return form }

func appendList(dst []byte, envelope string, n int, item func(dst []byte, i int) []byte) []byte {
	dst = append(dst, `{"`...)
	dst = append(dst, envelope...)
	dst = append(dst, `":[`...)
	for i := range n {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = item(dst, i)
	}
	return append(dst, `]}`...)
}

// appendIDName appends the two members of every short form, without the closing brace.
func appendIDName(dst []byte, id int64, name string) []byte {
	dst = append(dst, `{"id":`...)
	dst = strconv.AppendInt(dst, id, 10)
	dst = append(dst, `,"name":`...)
	return edge.AppendString(dst, name)
}
