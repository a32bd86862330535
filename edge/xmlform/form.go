// Package xmlform is the XML form of documents: one description serves who writes them and who reads them.
//
// The document is the same in every format; JSON shows it as it is. In XML its one member is the root element, and by
// rule a text, a number or a boolean is an attribute of the element that it belongs to, an object or a list is a child
// element. A Form says what differs from the rule, so a new member of a representation has its XML form at once.
package xmlform

import "slices"

// Form is how the documents of one namespace look in XML.
type Form struct {
	Namespace string
	// Elements are those that the rule does not describe, by name.
	Elements map[string]Element
}

// Element is what the rule does not say of an element.
type Element struct {
	// Children are the members that are child elements, in the order that the schema wants them. A text among them is
	// the text of its element. Objects and lists that are not named here are written last, and ignored in requests.
	Children []string
	// Text is the member that is the element's own text.
	Text string
	// Item is the name of the elements that a list or a map consists of; "": item.
	Item string
	// Key is for an element whose members are a map: the attribute of each item that has the member's name. In
	// requests the item's text is the value.
	Key string
	// Value is the attribute of each item that has its value, when that is no object; "": it is the item's text.
	Value string
}

// item is the name of the element's items.
func (e Element) item() string {
	if e.Item == "" {
		return "item"
	}
	return e.Item
}

// isAttribute tells whether a text of that name is an attribute of the element.
func (e Element) isAttribute(name string) bool {
	return name != e.Text && !slices.Contains(e.Children, name)
}
