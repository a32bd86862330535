package v10

import (
	"net/http"

	"github.com/ozonecloud/ozone/edge"
	"github.com/ozonecloud/ozone/edge/document"
	"github.com/ozonecloud/ozone/schemas"
)

// none is for actions without parameters.
var none = edge.Members{}

// serverMembers are those of a server that is created; adminPass is the bus's alone, which shows none.
var serverMembers = edge.Members{
	"name": nil, "imageId": nil, "flavorId": nil, "metadata": nil, "sharedIpGroupId": nil, "adminPass": nil,
	"addresses": {"public": nil, "private": nil}, "personality": {"path": nil, "contents": nil},
}

// Submissions is how the writes of v1.0 are asked for over the bus: their params are what their bodies have.
func (m *module) Submissions() map[schemas.Action]edge.Submission {
	return map[schemas.Action]edge.Submission{
		schemas.ServerCreate: {Verb: http.MethodPost, Rate: schemas.RateServers, Params: serverMembers, Order: untargeted(submitServer)},
		schemas.ServerUpdate: {Verb: http.MethodPut, Params: edge.Members{"name": nil, "adminPass": nil}, Order: targeted(
			func(params document.Value) (edge.Order, error) { return updateOrder(enclose("server", params)) })},
		schemas.ServerDelete:        {Verb: http.MethodDelete, Params: none, Order: targeted(bare(schemas.ServerDelete))},
		schemas.ServerReboot:        {Verb: http.MethodPost, Params: edge.Members{"type": nil}, Order: targeted(reboot)},
		schemas.ServerRebuild:       {Verb: http.MethodPost, Params: edge.Members{"imageId": nil}, Order: targeted(rebuild)},
		schemas.ServerResize:        {Verb: http.MethodPost, Params: edge.ResizeMembers, Order: targeted(edge.ResizeOrder)},
		schemas.ServerResizeConfirm: {Verb: http.MethodPost, Params: none, Order: targeted(bare(schemas.ServerResizeConfirm))},
		schemas.ServerResizeRevert:  {Verb: http.MethodPost, Params: none, Order: targeted(bare(schemas.ServerResizeRevert))},
		schemas.ServerShareIP: {
			Verb: http.MethodPut, Order: targeted(submitShare),
			Params: edge.Members{"sharedIpGroupId": nil, "configureServer": nil, "address": nil},
		},
		schemas.ServerUnshareIP:     {Verb: http.MethodDelete, Params: edge.Members{"address": nil}, Order: targeted(submitUnshare)},
		schemas.ServerImage:         {Verb: http.MethodPost, Params: edge.Members{"name": nil, "serverId": nil}, Order: submitImage},
		schemas.ImageDelete:         {Verb: http.MethodDelete, Params: none, Order: targeted(bare(schemas.ImageDelete))},
		schemas.BackupSet:           {Verb: http.MethodPost, Params: edge.Members{"enabled": nil, "weekly": nil, "daily": nil}, Order: targeted(submitBackups)},
		schemas.BackupDisable:       {Verb: http.MethodDelete, Params: none, Order: targeted(bare(schemas.BackupDisable))},
		schemas.SharedIPGroupCreate: {Verb: http.MethodPost, Params: edge.Members{"name": nil, "server": nil}, Order: untargeted(submitGroup)},
		schemas.SharedIPGroupDelete: {Verb: http.MethodDelete, Params: none, Order: targeted(bare(schemas.SharedIPGroupDelete))},
	}
}

// enclose gives params the envelope that they have in a body of v1.0.
func enclose(name string, params document.Value) document.Value {
	doc := document.Value{Kind: document.Object}
	doc.Put(name, params)
	return doc
}

func targeted(order func(document.Value) (edge.Order, error)) func(int64, document.Value) (edge.Order, error) {
	return func(target int64, params document.Value) (edge.Order, error) {
		if target == 0 {
			return edge.Order{}, invalid("target must be a positive whole number.")
		}
		o, err := order(params)
		o.Target = target
		return o, err
	}
}

func untargeted(order func(document.Value) (edge.Order, error)) func(int64, document.Value) (edge.Order, error) {
	return func(target int64, params document.Value) (edge.Order, error) {
		if target != 0 {
			return edge.Order{}, invalid("What creates something has no target.")
		}
		return order(params)
	}
}

// submitServer takes a password; the one that is made without is told to nobody.
func submitServer(params document.Value) (edge.Order, error) {
	o, err := createOrder(enclose("server", params))
	if err != nil {
		return o, err
	}
	if o.Secret, err = optionalPassword(params); err != nil {
		return o, err
	}
	if o.Secret == "" {
		_, o.Payload.PasswordHash, err = edge.NewPassword()
	} else {
		o.Payload.PasswordHash, err = edge.HashPassword(o.Secret)
	}
	return o, err
}

func submitShare(params document.Value) (edge.Order, error) {
	o, err := shareOrder(enclose("shareIp", params))
	if err != nil {
		return o, err
	}
	o.Params.Address, err = addressParam(params)
	return o, err
}

func submitUnshare(params document.Value) (edge.Order, error) {
	address, err := addressParam(params)
	return edge.Order{Action: schemas.ServerUnshareIP, Params: schemas.Params{Address: address}}, err
}

func addressParam(params document.Value) (string, error) {
	member, _ := params.Member("address")
	text, _ := member.Text()
	address, ok := publicAddress(text)
	if !ok {
		return "", invalid("address must be an IPv4 address.")
	}
	return address, nil
}

func submitBackups(params document.Value) (edge.Order, error) {
	schedule, err := backupSchedule(enclose(backupEnvelope, params))
	return edge.Order{Action: schemas.BackupSet, Params: schemas.Params{Backups: &schedule}}, err
}

// submitImage takes the server as target or as the member that v1.0 has.
func submitImage(target int64, params document.Value) (edge.Order, error) {
	if target == 0 {
		id, err := requiredID(params, "serverId")
		if err != nil {
			return edge.Order{}, err
		}
		target = id
	}
	if id, given := params.Given("serverId"); given {
		if n, ok := id.Int(); !ok || n != target {
			return edge.Order{}, invalid("serverId is not the target.")
		}
	}
	name, err := optionalName(params)
	return imageOrder(schemas.Params{Server: schemas.ServerID(target), Name: name}), err
}

func submitGroup(params document.Value) (edge.Order, error) {
	p, err := groupParams(enclose("sharedIpGroup", params))
	return edge.Order{Action: schemas.SharedIPGroupCreate, Params: p}, err
}
