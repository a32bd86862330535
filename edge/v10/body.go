package v10

import (
	"encoding/json"
	"strconv"

	"github.com/ozonecloud/ozone/edge"
	"github.com/ozonecloud/ozone/storage"
)

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

// plain is a body made of ordinary values.
type plain struct{ value any }

// AppendJSON appends the value's JSON.
func (b plain) AppendJSON(dst []byte) []byte {
	doc, err := json.Marshal(b.value)
	if err != nil { // strings, numbers and lists of them: it cannot happen
		return append(dst, "{}"...)
	}
	return append(dst, doc...)
}
