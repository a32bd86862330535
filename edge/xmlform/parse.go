package xmlform

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ozonecloud/ozone/edge/document"
	"github.com/ozonecloud/ozone/edge/strictxml"
)

var errText = errors.New("the body has an element with text, where none belongs")

// Parse reads the document in data. Elements are taken from the form's namespace and from none; others are ignored, as are
// elements and attributes that nobody knows.
func (f *Form) Parse(data []byte) (document.Value, error) {
	root, err := strictxml.Parse(data)
	if err != nil {
		return document.Value{}, err
	}
	if !f.owns(root) {
		return document.Value{}, fmt.Errorf("the root element is not of the namespace %s", f.Namespace)
	}
	v, err := f.value(root)
	doc := document.Value{Kind: document.Object}
	doc.Put(root.Name, v)
	return doc, err
}

func (f *Form) owns(e *strictxml.Element) bool { return e.Space == f.Namespace || e.Space == "" }

// value is what an element says: an object, a list or a map.
func (f *Form) value(x *strictxml.Element) (document.Value, error) {
	e := f.Elements[x.Name]
	if e.Text == "" && strings.TrimSpace(x.Text) != "" {
		return document.Value{}, errText
	}
	switch {
	case e.Key != "":
		return f.pairs(e, x)
	case e.Item != "":
		return f.items(e, x)
	default:
		return f.object(e, x)
	}
}

func (f *Form) object(e Element, x *strictxml.Element) (document.Value, error) {
	v := document.Value{Kind: document.Object}
	for _, a := range x.Attributes {
		if e.isAttribute(a.Name) {
			v.Put(a.Name, document.NewText(a.Value))
		}
	}
	for _, child := range x.Children {
		if !f.owns(child) || !slices.Contains(e.Children, child.Name) {
			continue
		}
		inner, err := f.value(child)
		if err != nil {
			return v, err
		}
		if !v.Put(child.Name, inner) {
			return v, fmt.Errorf("the element %s has %s twice", x.Name, child.Name)
		}
	}
	if e.Text != "" {
		v.Put(e.Text, document.NewText(x.Text))
	}
	return v, nil
}

func (f *Form) items(e Element, x *strictxml.Element) (document.Value, error) {
	v := document.Value{Kind: document.Array}
	read := f.value
	if e.Value != "" {
		read = func(item *strictxml.Element) (document.Value, error) { return attribute(item, e.Value) }
	}
	for _, child := range f.itemsOf(e, x) {
		item, err := read(child)
		if err != nil {
			return v, err
		}
		v.Append(item)
	}
	return v, nil
}

func (f *Form) pairs(e Element, x *strictxml.Element) (document.Value, error) {
	v := document.Value{Kind: document.Object}
	for _, child := range f.itemsOf(e, x) {
		key, err := attribute(child, e.Key)
		if err != nil {
			return v, err
		}
		if name, _ := key.Text(); !v.Put(name, document.NewText(child.Text)) {
			return v, fmt.Errorf("the element %s has a %s twice", x.Name, e.Key)
		}
	}
	return v, nil
}

// itemsOf are the children of a list or a map that are its items.
func (f *Form) itemsOf(e Element, x *strictxml.Element) []*strictxml.Element {
	return slices.DeleteFunc(slices.Clone(x.Children), func(child *strictxml.Element) bool {
		return !f.owns(child) || child.Name != e.Item
	})
}

func attribute(x *strictxml.Element, name string) (document.Value, error) {
	for _, a := range x.Attributes {
		if a.Name == name {
			return document.NewText(a.Value), nil
		}
	}
	return document.Value{}, fmt.Errorf("the element %s must have an attribute %s", x.Name, name)
}
