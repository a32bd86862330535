package v10

import (
	"encoding/base64"
	"net/netip"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/ozonecloud/ozone/edge"
	"github.com/ozonecloud/ozone/edge/document"
	"github.com/ozonecloud/ozone/schemas"
)

// The bounds of a server's members. Source: API guide v1.0, "Server Metadata" and "Server Personality";
// the guide gives none for names, so they have that of metadata.
const (
	maxNameBytes     = 255
	maxPasswordBytes = 255
	maxMetadata      = 5
	maxMetadataBytes = 255
	maxFiles         = 5
	maxPathBytes     = 255
	maxFileBytes     = 10240
)

func invalid(format string, args ...any) error {
	return schemas.Errorf(schemas.KindInvalid, format, args...)
}

// envelope is the object that a body has under name. Other members are ignored, as old clients need.
func envelope(doc document.Value, name string) (document.Value, error) {
	v, ok := doc.Member(name)
	if !ok || v.Kind != document.Object {
		return v, invalid("The body must have an object %q.", name)
	}
	return v, nil
}

// requiredID is a positive whole number, quoted or not. Whether it names anything the actors know.
func requiredID(v document.Value, name string) (int64, error) {
	member, _ := v.Member(name)
	id, ok := member.Int()
	if !ok || id <= 0 {
		return 0, invalid("%s must be a positive whole number.", name)
	}
	return id, nil
}

// truth is a boolean, as JSON or XML have it.
func truth(v document.Value, name string) (bool, error) {
	switch text, _ := v.Scalar(); text {
	case "true", "1":
		return true, nil
	case "false", "0":
		return false, nil
	default:
		return false, invalid("%s must be true or false.", name)
	}
}

// optionalName is the member name; nil when there is none: then the actors make one up.
func optionalName(v document.Value) (*string, error) {
	member, ok := v.Given("name")
	if !ok {
		return nil, nil
	}
	name, ok := member.Text()
	switch {
	case !ok:
		return nil, invalid("name must be a string.")
	case strings.TrimSpace(name) == "":
		return nil, invalid("name must not be blank.")
	case len(name) > maxNameBytes:
		return nil, invalid("name must be at most %d bytes long.", maxNameBytes)
	case !writable(name):
		return nil, errWritable("name")
	}
	return &name, nil
}

// writable tells whether s has a form in XML 1.0 too: no control characters but white space.
func writable(s string) bool {
	return strings.IndexFunc(s, func(c rune) bool {
		return c < ' ' && c != '\t' && c != '\n' && c != '\r' || c == 0xFFFE || c == 0xFFFF
	}) < 0 && utf8.ValidString(s)
}

func errWritable(what string) error { return invalid("%s has control characters.", what) }

// createOrder is the order that a create's body asks for. adminPass in it is ignored: the edge makes one.
func createOrder(doc document.Value) (o edge.Order, err error) {
	o.Action = schemas.ServerCreate
	server, err := envelope(doc, "server")
	if err != nil {
		return o, err
	}
	if err := sharing(server, &o.Params); err != nil {
		return o, err
	}
	image, err := requiredID(server, "imageId")
	if err != nil {
		return o, err
	}
	flavor, err := requiredID(server, "flavorId")
	if err != nil {
		return o, err
	}
	o.Params.Image, o.Params.Flavor = schemas.ImageID(image), schemas.FlavorID(flavor)
	if o.Params.Name, err = optionalName(server); err != nil {
		return o, err
	}
	if o.Params.Metadata, err = metadata(server); err != nil {
		return o, err
	}
	o.Payload.Personality, err = personality(server)
	return o, err
}

// sharing fills in the group that the server is to be created in, and the address of a member that it is to have.
func sharing(server document.Value, p *schemas.Params) error {
	_, grouped := server.Given("sharedIpGroupId")
	if grouped {
		id, err := requiredID(server, "sharedIpGroupId")
		if err != nil {
			return err
		}
		p.Group = schemas.GroupID(id)
	}
	addresses, _ := server.Given("addresses")
	public, _ := addresses.Given("public")
	_, odd := addresses.Scalar()
	if _, one := public.Scalar(); odd || one {
		return invalid("addresses must be an object of lists.")
	}
	switch {
	case public.Len() == 0:
		return nil
	case !grouped:
		return invalid("addresses can be given together with sharedIpGroupId only.")
	case public.Kind != document.Array || public.Len() > 1:
		return invalid("addresses must have one public address at most.")
	}
	text, _ := public.Items()[0].Text()
	address, err := netip.ParseAddr(text)
	if err != nil || !address.Is4() {
		return invalid("The public address must be an IPv4 address.")
	}
	p.Address = address.String()
	return nil
}

func metadata(server document.Value) (map[string]string, error) {
	v, ok := server.Given("metadata")
	if !ok || v.Kind == document.Object && v.Len() == 0 {
		return nil, nil
	}
	if v.Kind != document.Object {
		return nil, invalid("metadata must be an object.")
	}
	if v.Len() > maxMetadata {
		return nil, invalid("metadata must have at most %d pairs.", maxMetadata)
	}
	pairs := make(map[string]string, v.Len())
	for key, member := range v.Members() {
		value, ok := member.Text()
		switch {
		case !ok:
			return nil, invalid("The values of metadata must be strings.")
		case len(key) > maxMetadataBytes || len(value) > maxMetadataBytes:
			return nil, invalid("Keys and values of metadata must be at most %d bytes long.", maxMetadataBytes)
		case !writable(key) || !writable(value):
			return nil, errWritable("metadata")
		}
		pairs[key] = value
	}
	return pairs, nil
}

func personality(server document.Value) ([]schemas.File, error) {
	v, ok := server.Given("personality")
	if !ok {
		return nil, nil
	}
	if v.Kind != document.Array {
		return nil, invalid("personality must be a list of files.")
	}
	if v.Len() > maxFiles {
		return nil, invalid("personality must have at most %d files.", maxFiles)
	}
	var files []schemas.File
	for _, item := range v.Items() {
		f, err := file(item)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

func file(v document.Value) (f schemas.File, err error) {
	member, _ := v.Member("path")
	f.Path, _ = member.Text()
	if !cleanPath(f.Path) {
		return f, invalid("The path of a personality file must be absolute, clean and at most %d bytes long.", maxPathBytes)
	}
	member, _ = v.Member("contents")
	contents, ok := member.Text()
	if ok {
		f.Contents, err = decodeBase64(contents)
	}
	if !ok || err != nil {
		return f, invalid("The contents of a personality file must be base64.")
	}
	if len(f.Contents) > maxFileBytes {
		return f, invalid("The contents of a personality file must be at most %d bytes long.", maxFileBytes)
	}
	return f, nil
}

func cleanPath(p string) bool {
	return len(p) > 1 && len(p) <= maxPathBytes && p[0] == '/' && path.Clean(p) == p && writable(p)
}

// decodeBase64 is lenient: old clients wrap lines, indent them and forget the padding.
func decodeBase64(s string) ([]byte, error) {
	s = strings.Map(func(c rune) rune {
		if c == ' ' || c == '\t' || c == '\r' || c == '\n' {
			return -1
		}
		return c
	}, s)
	return base64.RawStdEncoding.DecodeString(strings.TrimRight(s, "="))
}

// updateOrder is what a PUT of a server asks for: a name, a password or both.
func updateOrder(doc document.Value) (o edge.Order, err error) {
	o.Action = schemas.ServerUpdate
	server, err := envelope(doc, "server")
	if err != nil {
		return o, err
	}
	if o.Params.Name, err = optionalName(server); err != nil {
		return o, err
	}
	if o.Secret, err = optionalPassword(server); err != nil {
		return o, err
	}
	o.Params.Password = o.Secret != ""
	switch {
	case o.Params.Password:
		o.Payload.PasswordHash, err = edge.HashPassword(o.Secret)
	case o.Params.Name == nil:
		err = invalid("The server must have a name or an adminPass.")
	}
	return o, err
}

// optionalPassword is the member adminPass; "" when there is none.
func optionalPassword(server document.Value) (string, error) {
	member, given := server.Given("adminPass")
	if !given {
		return "", nil
	}
	password, ok := member.Text()
	if !ok || password == "" || len(password) > maxPasswordBytes {
		return "", invalid("adminPass must be a string of 1 to %d bytes.", maxPasswordBytes)
	}
	return password, nil
}
