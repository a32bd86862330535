package edge

import (
	"slices"

	"github.com/ozonecloud/ozone/edge/document"
	"github.com/ozonecloud/ozone/edge/strictjson"
	"github.com/ozonecloud/ozone/schemas"
)

// Submissions is what a Module has beside Module when its writes can be asked for over the tenants' bus too.
type Submissions interface {
	// Submissions is how each action is asked for. One that two modules have is an error.
	Submissions() map[schemas.Action]Submission
}

// Submission is how an action is asked for over the bus.
type Submission struct {
	// Verb and Rate are those of the route that does the same: it is counted so.
	Verb string
	Rate schemas.RateRule
	// Params are the members that its params may have.
	Params Members
	// Order makes the order. target is 0 when none was given.
	Order func(target int64, params document.Value) (Order, error)
}

// Members are the members that an object may have, each with those of its own; nil: anything. Of a list it is each item.
type Members map[string]Members

// Check refuses the first member that is not known.
func (m Members) Check(v document.Value, path string) error {
	if m == nil {
		return nil
	}
	for name, inner := range v.Members() {
		known, ok := m[name]
		if !ok {
			return schemas.Errorf(schemas.KindInvalid, "%s has an unknown member: %.60q.", path, name)
		}
		if err := known.Check(inner, path+"."+name); err != nil {
			return err
		}
	}
	for _, item := range v.Items() {
		if err := m.Check(item, path); err != nil {
			return err
		}
	}
	return nil
}

// body are the members of a command's body; its params have those of their action.
var body = []string{"target", "params"}

// order reads a command's body: {"target": 1234, "params": {...}}.
func (s *Submission) order(text []byte) (Order, error) {
	doc, err := strictjson.Parse(text)
	if err != nil {
		return Order{}, schemas.Errorf(schemas.KindInvalid, "The body cannot be read: %v.", err)
	}
	if doc.Kind != document.Object {
		return Order{}, schemas.Errorf(schemas.KindInvalid, "The body must be an object.")
	}
	for name := range doc.Members() {
		if !slices.Contains(body, name) {
			return Order{}, schemas.Errorf(schemas.KindInvalid, "The body has an unknown member: %.60q.", name)
		}
	}
	params, given := doc.Given("params")
	if !given {
		params = document.Value{Kind: document.Object}
	}
	if params.Kind != document.Object {
		return Order{}, schemas.Errorf(schemas.KindInvalid, "params must be an object.")
	}
	if err := s.Params.Check(params, "params"); err != nil {
		return Order{}, err
	}
	target, err := readTarget(doc)
	if err != nil {
		return Order{}, err
	}
	return s.Order(target, params)
}

// readTarget is the number of the object that a command is for; 0: it names none.
func readTarget(doc document.Value) (int64, error) {
	v, given := doc.Given("target")
	if !given {
		return 0, nil
	}
	target, ok := v.Int()
	switch {
	case !ok || target <= 0 || v.Kind != document.Number:
		return 0, schemas.Errorf(schemas.KindInvalid, "target must be a positive whole number.")
	case target > schemas.MaxID:
		return 0, errNotFound
	}
	return target, nil
}
