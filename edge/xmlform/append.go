package xmlform

import (
	"bytes"
	"encoding/xml"
	"slices"

	"github.com/ozonecloud/ozone/edge/document"
)

// declaration does not name the encoding: old clients give their parser decoded text, and some parsers refuse
// text that says how it is encoded.
const declaration = `<?xml version="1.0"?>` + "\n"

// Append appends doc, an object with one member, as XML in UTF-8.
func (f *Form) Append(dst []byte, doc document.Value) []byte {
	w := writer{form: f, out: bytes.NewBuffer(dst)}
	w.out.WriteString(declaration)
	for name, v := range doc.Members() {
		w.open(name)
		w.attribute("xmlns", document.NewText(f.Namespace))
		w.content(name, v)
	}
	return w.out.Bytes()
}

type writer struct {
	form *Form
	out  *bytes.Buffer
}

func (w *writer) element(name string, v document.Value) {
	w.open(name)
	w.content(name, v)
}

func (w *writer) open(name string) { w.out.WriteString("<" + name) }

// content writes the attributes of an element, what is in it, and its end.
func (w *writer) content(name string, v document.Value) {
	e := w.form.Elements[name]
	switch {
	case v.Kind == document.Array:
		w.inside(name, func() {
			for _, item := range v.Items() {
				w.item(e, "", item)
			}
		})
	case v.Kind == document.Object && e.Key != "":
		w.inside(name, func() {
			for key, item := range v.Members() {
				w.item(e, key, item)
			}
		})
	case v.Kind == document.Object:
		w.attributes(e, v)
		w.inside(name, func() { w.children(e, v) })
	default:
		w.inside(name, func() { w.text(v) })
	}
}

// inside writes what is between the start and the end of an element; when that is nothing, one tag is both.
func (w *writer) inside(name string, write func()) {
	w.out.WriteByte('>')
	before := w.out.Len()
	write()
	if w.out.Len() > before {
		w.out.WriteString("</" + name + ">")
		return
	}
	w.out.Truncate(before - 1)
	w.out.WriteString("/>")
}

func (w *writer) attributes(e Element, v document.Value) {
	for name, member := range v.Members() {
		if e.isAttribute(name) {
			w.attribute(name, member)
		}
	}
}

// attribute writes what can be one.
func (w *writer) attribute(name string, v document.Value) {
	if _, ok := v.Scalar(); ok {
		w.out.WriteString(" " + name + `="`)
		w.text(v)
		w.out.WriteByte('"')
	}
}

func (w *writer) children(e Element, v document.Value) {
	for _, name := range e.Children {
		if child, ok := v.Given(name); ok {
			w.element(name, child)
		}
	}
	for name, child := range v.Members() {
		if (child.Kind == document.Object || child.Kind == document.Array) && !slices.Contains(e.Children, name) {
			w.element(name, child)
		}
	}
	if e.Text != "" {
		text, _ := v.Member(e.Text)
		w.text(text)
	}
}

// item writes an item of a list, or with its key one of a map.
func (w *writer) item(e Element, key string, v document.Value) {
	name := e.item()
	if v.Kind == document.Object || v.Kind == document.Array {
		w.element(name, v)
		return
	}
	w.open(name)
	if e.Key != "" {
		w.attribute(e.Key, document.NewText(key))
	}
	if e.Value == "" {
		w.inside(name, func() { w.text(v) })
		return
	}
	w.attribute(e.Value, v)
	w.inside(name, func() {})
}

// text writes a scalar so that every reader gets it back, line ends in attributes too.
func (w *writer) text(v document.Value) {
	s, _ := v.Scalar()
	_ = xml.EscapeText(w.out, []byte(s)) // a buffer takes everything
}
