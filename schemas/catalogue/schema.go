package catalogue

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// Schema is a JSON Schema of draft 07: the one that AsyncAPI 3.1 has in itself.
type Schema map[string]any

const (
	numberForm    = "[1-9][0-9]*"
	operationForm = "[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
	traceForm     = "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"
)

// object is an object of which some members must be there.
func object(properties Schema, required ...string) Schema {
	s := Schema{"type": "object", "properties": properties}
	if len(required) > 0 {
		s["required"] = required
	}
	return s
}

func oneOf(values ...string) Schema { return Schema{"type": "string", "enum": values} }
func pattern(form string) Schema    { return Schema{"type": "string", "pattern": form} }
func whole(least, most int) Schema {
	return Schema{"type": "integer", "minimum": least, "maximum": most}
}
func ref(definition string) Schema      { return Schema{"$ref": "#/definitions/" + definition} }
func orNull(s Schema) Schema            { return Schema{"anyOf": []any{s, Schema{"type": "null"}}} }
func exactly(text string) Schema        { return Schema{"type": "string", "const": text} }
func (s Schema) says(how string) Schema { s = maps.Clone(s); s["description"] = how; return s }

// enums are the words that types of texts have; the test compares them with the constants of package schemas.
var enums = map[reflect.Type][]string{
	typeOf[schemas.Status](): {
		"BUILD", "ACTIVE", "REBUILD", "SUSPENDED", "QUEUE_RESIZE", "PREP_RESIZE", "RESIZE", "VERIFY_RESIZE", "PASSWORD", "REBOOT", "HARD_REBOOT",
		"SHARE_IP", "SHARE_IP_NO_CONFIG", "DELETE_IP", "RESCUE", "ERROR", "DELETED", "UNKNOWN",
		"RESTORING", "ADD_IP", "ADD_IP_NO_CONFIG", "QUEUE_MOVE", "PREP_MOVE", "MOVE", "VERIFY_MOVE", "PENDING",
	},
	typeOf[schemas.ImageStatus](): {"QUEUED", "PREPARING", "SAVING", "ACTIVE", "FAILED", "UNKNOWN", "DELETED"},
	typeOf[schemas.HostState]():   {"up", "lost", "fenced"},
	typeOf[schemas.Fault](): {
		"cloudServersFault", "serviceUnavailable", "unauthorized", "badRequest", "overLimit", "badMediaType", "badMethod", "itemNotFound",
		"buildInProgress", "serverCapacityUnavailable", "backupOrResizeInProgress", "resizeNotAllowed", "notImplemented",
	},
	typeOf[schemas.BackupKind]():   {"daily", "weekly"},
	typeOf[schemas.MissedReason](): {"outage", "refused", "limit", "failed", "changed", "internal"},
}

// Words are the texts that some types of package schemas can be, by the names of the types.
func Words() map[string][]string {
	words := map[string][]string{}
	for t, texts := range enums {
		words[t.Name()] = slices.Clone(texts)
	}
	return words
}

func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }

// plain are the schemas of types, whatever member has them.
var plain = map[reflect.Type]Schema{
	typeOf[time.Time]():           {"type": "string", "format": "date-time"},
	typeOf[schemas.OperationID](): pattern("^" + operationForm + "$"),
	typeOf[schemas.ServerID]():    id,
	typeOf[schemas.ImageID]():     id,
	typeOf[schemas.FlavorID]():    id,
	typeOf[schemas.GroupID]():     id,
	typeOf[schemas.HostID]():      id,
	typeOf[schemas.ClusterID]():   id,
	typeOf[schemas.StepName]():    pattern("^[a-z_]*$").says("what a host does now; empty: nothing"), // more will come
	typeOf[schemas.Action]():      pattern(`^[a-z_]+\.[a-z_]+$`),
}

var id = whole(1, schemas.MaxID)

// named are members that say more than their type; one name means one thing everywhere.
var named = map[string]Schema{
	"hostId":      pattern("^([0-9a-f]{32})?$").says("the same for servers of the account on one host; empty before there is one"),
	"progress":    whole(0, 100),
	"percent":     whole(0, 100),
	"updated":     {"type": "string", "format": "date-time"},
	"created":     {"type": "string", "format": "date-time"},
	"retry_after": {"type": "integer", "minimum": 1, "description": "seconds"},
}

// of is the schema of a Go type as encoding/json writes it.
func of(t reflect.Type) Schema {
	if s, known := plain[t]; known {
		return s
	}
	if words, known := enums[t]; known {
		return oneOf(words...)
	}
	switch t.Kind() {
	case reflect.Pointer:
		return of(t.Elem())
	case reflect.String:
		return Schema{"type": "string"}
	case reflect.Bool:
		return Schema{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return Schema{"type": "integer", "minimum": 0}
	case reflect.Slice:
		return Schema{"type": "array", "items": of(t.Elem())}
	case reflect.Map:
		return Schema{"type": "object", "additionalProperties": of(t.Elem())}
	case reflect.Struct:
		properties, required := Schema{}, []string{}
		addMembers(t, properties, &required)
		return object(properties, required...)
	default:
		panic(fmt.Sprintf("no message has a %s", t)) // a mistake in the table: the tests find it
	}
}

// addMembers adds what a struct has; a member that is left out when it is empty need not be there.
func addMembers(t reflect.Type, properties Schema, required *[]string) {
	for field := range t.Fields() {
		if field.Anonymous {
			addMembers(field.Type, properties, required)
			continue
		}
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "-" {
			continue
		}
		properties[name] = of(field.Type)
		if s, special := named[name]; special {
			properties[name] = s
		}
		if options == "" {
			*required = append(*required, name)
		}
	}
}

// definitions are what several schemas have in them.
var definitions = func() Schema {
	server := of(typeOf[schemas.ServerView]())
	properties, _ := server["properties"].(Schema)
	delete(properties, "adminPass") // no message has one
	return Schema{
		"server": server, "serverBefore": before(server),
		"image": of(typeOf[schemas.ImageView]()), "imageBefore": before(of(typeOf[schemas.ImageView]())),
		"shared_ip_group": of(typeOf[schemas.GroupView]()), "shared_ip_groupBefore": before(of(typeOf[schemas.GroupView]())),
		"host": of(typeOf[schemas.HostView]()), "hostBefore": before(of(typeOf[schemas.HostView]())),
		"error":  of(typeOf[schemas.OperationError]()),
		"backup": of(typeOf[schemas.BackupFact]()),
	}
}()

// before is some members of an object, as they were: null for one that was not there.
func before(s Schema) Schema {
	all, _ := s["properties"].(Schema)
	always, _ := s["required"].([]string)
	properties := Schema{}
	for name, is := range all {
		member, _ := is.(Schema)
		if !slices.Contains(always, name) {
			member = orNull(member)
		}
		properties[name] = member
	}
	return Schema{"type": "object", "minProperties": 1, "properties": properties}
}

var reference = regexp.MustCompile(`"#/definitions/([^"]+)"`)

// usedBy is the definitions that a document refers to. They refer to no others.
func usedBy(doc []byte) Schema {
	used := Schema{}
	for _, m := range reference.FindAllSubmatch(doc, -1) {
		used[string(m[1])] = definitions[string(m[1])]
	}
	return used
}

// wide is how long a line of a document may become before each member gets its own.
const wide = 120

// pretty is a document for readers: what is short stands in one line.
func pretty(v any) ([]byte, error) {
	var doc, b bytes.Buffer
	e := json.NewEncoder(&doc)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	if err := layOut(&b, bytes.TrimSpace(doc.Bytes()), ""); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

// layOut writes JSON that has no white space.
func layOut(b *bytes.Buffer, doc json.RawMessage, indent string) error {
	list := doc[0] == '[' && !bytes.ContainsAny(doc, "{}") // of words
	if list || doc[0] != '{' && doc[0] != '[' || len(indent)+len(doc) <= wide {
		b.Write(doc)
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(doc))
	if _, err := d.Token(); err != nil {
		return err
	}
	b.WriteByte(doc[0])
	for first := true; d.More(); first = false {
		if !first {
			b.WriteByte(',')
		}
		b.WriteString("\n" + indent + " ")
		if doc[0] == '{' {
			name, err := d.Token()
			if err != nil {
				return err
			}
			fmt.Fprintf(b, "%q: ", name) // of letters, digits and signs that have no other form
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return err
		}
		if err := layOut(b, value, indent+" "); err != nil {
			return err
		}
	}
	b.WriteString("\n" + indent)
	b.WriteByte(doc[len(doc)-1])
	return nil
}
