package v10

import (
	"github.com/ozonecloud/ozone/edge"
	"github.com/ozonecloud/ozone/edge/document"
	"github.com/ozonecloud/ozone/schemas"
)

// actions are what POST /servers/{id}/action knows, by the one member of its body.
var actions = map[string]func(v document.Value) (edge.Order, error){
	"reboot":        reboot,
	"rebuild":       rebuild,
	"resize":        resize,
	"confirmResize": bare(schemas.ServerResizeConfirm),
	"revertResize":  bare(schemas.ServerResizeRevert),
	"addIp":         unserved,
}

// actionOrder is the order that an action's body asks for.
func actionOrder(doc document.Value) (edge.Order, error) {
	if doc.Kind == document.Object && doc.Len() == 1 {
		for name, v := range doc.Members() {
			if decode, ok := actions[name]; ok {
				return decode(v)
			}
		}
	}
	return edge.Order{}, invalid("The body must have exactly one action: reboot, rebuild, resize, confirmResize or revertResize.")
}

func reboot(v document.Value) (edge.Order, error) {
	o := edge.Order{Action: schemas.ServerReboot}
	member, _ := v.Member("type")
	switch kind, _ := member.Text(); kind {
	case "SOFT":
	case "HARD":
		o.Params.Hard = true
	default:
		return o, invalid("reboot must have a type: SOFT or HARD.")
	}
	return o, nil
}

// rebuild takes the image that the server has when none is named.
func rebuild(v document.Value) (edge.Order, error) {
	o := edge.Order{Action: schemas.ServerRebuild}
	if _, ok := v.Given("imageId"); !ok {
		return o, emptyOr(v, "rebuild")
	}
	id, err := requiredID(v, "imageId")
	o.Params.Image = schemas.ImageID(id)
	return o, err
}

func resize(v document.Value) (edge.Order, error) {
	id, err := requiredID(v, "flavorId")
	return edge.Order{Action: schemas.ServerResize, Params: schemas.Params{Flavor: schemas.FlavorID(id)}}, err
}

// bare is an action without parameters; clients write null, {} or "" there.
func bare(action schemas.Action) func(document.Value) (edge.Order, error) {
	return func(v document.Value) (edge.Order, error) {
		return edge.Order{Action: action}, emptyOr(v, "this action")
	}
}

func emptyOr(v document.Value, what string) error {
	text, isText := v.Text()
	if v.Kind == document.Null || v.Kind == document.Object || isText && text == "" {
		return nil
	}
	return invalid("%s must be an object.", what)
}

// unserved is in the contract's schema, but no operation of the guide uses it.
func unserved(document.Value) (edge.Order, error) {
	return edge.Order{}, schemas.Errorf(schemas.KindNotImplemented, "This action is not implemented.")
}
