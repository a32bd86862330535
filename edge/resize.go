package edge

import (
	"time"

	"github.com/ozonecloud/ozone/edge/document"
	"github.com/ozonecloud/ozone/schemas"
)

// ResizeMembers are those of a resize that may have a probe.
var ResizeMembers = Members{
	"flavorId": nil,
	"probe":    {"type": nil, "port": nil, "path": nil, "after": nil, "for": nil},
}

// ResizeOrder is the order of a resize that may have a probe: {"flavorId": 2, "probe": {"type": "http", "port": 80, "path":
// "/healthz", "after": 10, "for": 30}}. Members that it does not have are refused.
func ResizeOrder(v document.Value) (Order, error) {
	o := Order{Action: schemas.ServerResize}
	if v.Kind != document.Object {
		return o, schemas.Errorf(schemas.KindInvalid, "resize must be an object.")
	}
	if err := ResizeMembers.Check(v, "resize"); err != nil {
		return o, err
	}
	flavor, ok := whole(v, "flavorId")
	if !ok || flavor <= 0 {
		return o, schemas.Errorf(schemas.KindInvalid, "flavorId must be a positive whole number.")
	}
	o.Params.Flavor = schemas.FlavorID(flavor)
	asked, given := v.Given("probe")
	if !given {
		return o, nil
	}
	if asked.Kind != document.Object {
		return o, schemas.Errorf(schemas.KindInvalid, "probe must be an object.")
	}
	p, err := probe(asked)
	o.Params.Probe = &p
	return o, err
}

func probe(v document.Value) (p schemas.Probe, err error) {
	kind, _ := v.Member("type")
	text, _ := kind.Text()
	p.Type = schemas.ProbeType(text)
	if p.Type != schemas.ProbeTCP && p.Type != schemas.ProbeHTTP {
		return p, schemas.Errorf(schemas.KindInvalid, "probe.type must be tcp or http.")
	}
	port, ok := whole(v, "port")
	if !ok || port < 1 || port > 65535 {
		return p, schemas.Errorf(schemas.KindInvalid, "probe.port must be a whole number from 1 to 65535.")
	}
	p.Port = int(port)
	if p.Path, err = probePath(v, p.Type); err != nil {
		return p, err
	}
	if p.After, err = probeWait(v, "after", schemas.ProbeAfter); err != nil {
		return p, err
	}
	p.For, err = probeWait(v, "for", schemas.ProbeFor)
	return p, err
}

// probePath is what a probe by HTTP asks for; without one it is the root.
func probePath(v document.Value, kind schemas.ProbeType) (string, error) {
	member, given := v.Given("path")
	switch path, _ := member.Text(); {
	case given && kind != schemas.ProbeHTTP:
		return "", schemas.Errorf(schemas.KindInvalid, "probe.path can be given with type http only.")
	case given && !schemas.ValidProbePath(path):
		return "", schemas.Errorf(schemas.KindInvalid, "probe.path must begin with a slash and have at most %d characters: visible ASCII without #.", schemas.MaxProbePath)
	case given:
		return path, nil
	case kind == schemas.ProbeHTTP:
		return "/", nil
	default:
		return "", nil
	}
}

// probeWait is a time in whole seconds.
func probeWait(v document.Value, name string, otherwise time.Duration) (time.Duration, error) {
	if _, given := v.Given(name); !given {
		return otherwise, nil
	}
	const most = int64(schemas.MaxProbeWait / time.Second)
	seconds, ok := whole(v, name)
	if !ok || seconds < 0 || seconds > most {
		return 0, schemas.Errorf(schemas.KindInvalid, "probe.%s must be a whole number of seconds from 0 to %d.", name, most)
	}
	return time.Duration(seconds) * time.Second, nil
}

func whole(v document.Value, name string) (int64, bool) {
	member, _ := v.Member(name)
	return member.Int()
}
