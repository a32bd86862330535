package catalogue

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// command is one type of command.
type command struct {
	action schemas.Action
	says   string
	target string // what it is for; "": it creates something and has none
	params Schema // the members that its params may have
	must   []string
	also   Schema // more about the whole of its params
	given  string // the params of the example
}

// The bounds of texts, in bytes: what is not ASCII may have fewer characters. Source: docs/api.md.
func text(least int) Schema {
	return Schema{"type": "string", "minLength": least, "maxLength": 255}
}

var (
	name     = Schema{"type": "string", "maxLength": 255, "pattern": `\S`, "description": "not blank, at most 255 bytes, no control characters"}
	password = text(1).says("at most 255 bytes; never shown again")
	address  = Schema{"type": "string", "format": "ipv4"}
	truth    = Schema{"type": "boolean"}
	days     = oneOf("DISABLED", "SUNDAY", "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY")
	windows  = oneOf("DISABLED", "H_0000_0200", "H_0200_0400", "H_0400_0600", "H_0600_0800", "H_0800_1000", "H_1000_1200",
		"H_1200_1400", "H_1400_1600", "H_1600_1800", "H_1800_2000", "H_2000_2200", "H_2200_0000")
	metadata = Schema{
		"type": "object", "maxProperties": 5, "propertyNames": Schema{"maxLength": 255}, "additionalProperties": text(0),
		"description": "at most 5 pairs of texts of at most 255 bytes",
	}
	personality = Schema{
		"type": "array", "maxItems": 5, "description": "files that are written into the new server; each at most 10 KiB", "items": closed(object(Schema{
			"path":     Schema{"type": "string", "pattern": "^/.", "maxLength": 255},
			"contents": Schema{"type": "string", "contentEncoding": "base64", "pattern": `^[A-Za-z0-9+/\s]*=*\s*$`},
		}, "path", "contents")),
	}
	// Source of the numbers: schemas.MaxProbeWait, schemas.MaxProbePath.
	seconds = Schema{"type": "integer", "minimum": 0, "maximum": int(schemas.MaxProbeWait / time.Second), "description": "seconds"}
	probe   = closed(object(Schema{
		"type": oneOf("tcp", "http"), "port": whole(1, 65535), "after": seconds, "for": seconds,
		"path": Schema{"type": "string", "pattern": "^/[!\"$-~]*$", "maxLength": schemas.MaxProbePath, "description": "of http"},
	}, "type", "port"))
	addresses = closed(object(Schema{
		"public":  Schema{"type": "array", "maxItems": 1, "items": address, "description": "an address of the group's to be shared"},
		"private": Schema{"type": "array", "items": address, "description": "means nothing"},
	}))
)

// commands are all that there are. What their params may have is held to what the edge takes by a test in edge/v10.
var commands = []command{
	{
		action: schemas.ServerCreate, says: "Create a server.", must: []string{"imageId", "flavorId"},
		params: Schema{
			"name": name, "imageId": id, "flavorId": id, "metadata": metadata, "personality": personality, "sharedIpGroupId": id,
			"addresses": addresses, "adminPass": password,
		},
		also:  Schema{"dependencies": Schema{"addresses": []string{"sharedIpGroupId"}}},
		given: `{"name":"web","imageId":1,"flavorId":1,"metadata":{"role":"front"}}`,
	},
	{
		action: schemas.ServerUpdate, says: "Give a server another name, another password or both.", target: "server",
		params: Schema{"name": name, "adminPass": password},
		also:   Schema{"anyOf": []Schema{{"required": []string{"name"}}, {"required": []string{"adminPass"}}}},
		given:  `{"name":"db"}`,
	},
	{action: schemas.ServerDelete, says: "Delete a server.", target: "server"},
	{
		action: schemas.ServerReboot, says: "Reboot a server.", target: "server", params: Schema{"type": oneOf("SOFT", "HARD")}, must: []string{"type"},
		given: `{"type":"SOFT"}`,
	},
	{
		action: schemas.ServerRebuild, says: "Make a server anew from an image; without one, from that which it has.", target: "server",
		params: Schema{"imageId": id}, given: `{"imageId":2}`,
	},
	{
		action: schemas.ServerResize, target: "server", params: Schema{"flavorId": id, "probe": probe}, must: []string{"flavorId"},
		says:  "Give a server another flavor. It is to be confirmed or reverted afterwards; a probe does it by itself.",
		given: `{"flavorId":2,"probe":{"type":"http","port":80,"path":"/healthz","after":10,"for":30}}`,
	},
	{action: schemas.ServerResizeConfirm, says: "Confirm a resize: what the server was before is removed.", target: "server"},
	{action: schemas.ServerResizeRevert, says: "Revert a resize: the server is what it was before.", target: "server"},
	{
		action: schemas.ServerShareIP, says: "Let a server have a public address of another server of its group.", target: "server",
		params: Schema{"sharedIpGroupId": id, "configureServer": truth, "address": address}, must: []string{"sharedIpGroupId", "address"},
		given: `{"sharedIpGroupId":3,"configureServer":true,"address":"198.18.0.1"}`,
	},
	{
		action: schemas.ServerUnshareIP, says: "Take a shared address from a server.", target: "server",
		params: Schema{"address": address}, must: []string{"address"}, given: `{"address":"198.18.0.1"}`,
	},
	{
		action: schemas.ServerImage, says: "Make an image of a server.", target: "server",
		params: Schema{"name": name, "serverId": id.says("the target once more; need not be there")}, given: `{"name":"kept"}`,
	},
	{action: schemas.ImageDelete, says: "Delete an image.", target: "image"},
	{
		action: schemas.BackupSet, says: "Set when a server's backups are made.", target: "server",
		params: Schema{"enabled": truth, "weekly": days, "daily": windows}, must: []string{"enabled"},
		given: `{"enabled":true,"weekly":"THURSDAY","daily":"H_0400_0600"}`,
	},
	{action: schemas.BackupDisable, says: "Make no more backups of a server.", target: "server"},
	{
		action: schemas.SharedIPGroupCreate, says: "Create a shared IP group, empty or with one server.",
		params: Schema{"name": name, "server": id}, given: `{"name":"pair","server":1234}`,
	},
	{action: schemas.SharedIPGroupDelete, says: "Delete a shared IP group.", target: "shared IP group"},
}

// closed is an object that has no other members: the edge refuses them.
func closed(s Schema) Schema {
	s["additionalProperties"] = false
	return s
}

func (c *command) message() Message {
	params := closed(object(c.params, c.must...))
	if len(c.params) == 0 {
		params = Schema{"type": []string{"object", "null"}, "maxProperties": 0}
	}
	maps.Copy(params, c.also)
	properties, required := Schema{"params": params}, []string{}
	body := map[string]any{}
	if c.target != "" {
		properties["target"] = id.says("the number of the " + c.target)
		required = append(required, "target")
		body["target"] = 1234
	}
	if len(c.must) > 0 || c.also["anyOf"] != nil {
		required = append(required, "params")
	}
	if c.given != "" {
		body["params"] = json.RawMessage(c.given)
	}
	return Message{Family: Commands, Name: string(c.action), Says: c.says, Body: closed(object(properties, required...)), Example: body}
}

// CommandTypes lists the types of commands.
func CommandTypes() []schemas.Action {
	var all []schemas.Action
	for i := range commands {
		all = append(all, commands[i].action)
	}
	return slices.Clip(all)
}

// answers are what a producer gets back.
func answers() []Message {
	accepted := object(Schema{
		"operation": plain[typeOf[schemas.OperationID]()],
		"target":    object(Schema{"kind": oneOf("server", "image", "shared_ip_group"), "id": id}, "kind", "id"),
		"representation": Schema{
			"anyOf":       []any{ref("server"), ref("image"), ref("shared_ip_group")},
			"description": "what was created",
		},
	}, "operation", "target")
	return []Message{
		{
			Family: Answers, Name: schemas.TypeCommandAccepted, Says: "A command was accepted: its operation has begun.", Body: accepted,
			Example: schemas.CommandAccepted{Operation: example, Target: schemas.ServerID(1234).Ref(), Representation: view(schemas.ActorServer, "BUILD")},
		},
		{
			Family: Answers, Name: schemas.TypeCommandRejected, Says: "A command was refused: nothing was done.", Body: of(typeOf[schemas.CommandRejected]()),
			Example: schemas.CommandRejected{
				Fault: schemas.FaultOverLimit, Message: "Too many requests: try again later.", Details: "post: 10 in a MINUTE", RetryAfter: 42,
			},
		},
	}
}
