package edge

import (
	"bytes"
	"strconv"

	"github.com/valyala/fasthttp"

	"github.com/ozonecloud/ozone/edge/strictxml"
	"github.com/ozonecloud/ozone/schemas"
)

// format is one in which documents travel.
type format int

const (
	formatNone format = iota // not said
	formatJSON
	formatXML
)

// contentType is what an answer in that format says. The charset is in it because some clients guess otherwise.
func (f format) contentType() string {
	if f == formatXML {
		return "application/xml; charset=UTF-8"
	}
	return "application/json; charset=UTF-8"
}

// formatOf is the format of a media type without parameters.
func formatOf(media []byte) format {
	switch {
	case bytes.EqualFold(media, []byte("application/json")):
		return formatJSON
	case bytes.EqualFold(media, []byte("application/xml")):
		return formatXML
	default:
		return formatNone
	}
}

// negotiate is the format of the answer: what the path's suffix says, else what the Accept header prefers, else JSON.
// No header can make it refuse: the contract has no 406.
func negotiate(suffix format, h *fasthttp.RequestHeader) format {
	if suffix != formatNone {
		return suffix
	}
	if accept := joined(h, fasthttp.HeaderAccept); len(accept) > 0 && prefersXML(accept) {
		return formatXML
	}
	return formatJSON
}

// joined is a header that is a list: on several lines it says the same as on one. Source: RFC 9110, section 5.3.
func joined(h *fasthttp.RequestHeader, name string) []byte {
	lines := h.PeekAll(name)
	if len(lines) == 1 { // the usual case
		return lines[0]
	}
	return bytes.Join(lines, []byte(","))
}

// prefersXML tells whether XML has the higher weight in an Accept header. Of equal ones that which is meant more exactly
// wins, then the first one, then JSON.
func prefersXML(accept []byte) bool {
	var json, xml claim
	for i := 1; len(accept) > 0; i++ {
		var one []byte
		one, accept, _ = bytes.Cut(accept, []byte(","))
		media, parameters, _ := bytes.Cut(one, []byte(";"))
		c := claim{weight: weight(parameters), place: -i}
		switch media = bytes.TrimSpace(media); {
		case formatOf(media) == formatJSON:
			c.exact = 3
			json.replace(c)
		case formatOf(media) == formatXML:
			c.exact = 3
			xml.replace(c)
		case bytes.EqualFold(media, []byte("application/*")):
			c.exact = 2
			json.replace(c)
			xml.replace(c)
		case string(media) == "*/*":
			c.exact = 1
			json.replace(c)
			xml.replace(c)
		}
	}
	return xml.weight > 0 && xml.beats(json)
}

// claim is what an Accept header says of one format.
type claim struct {
	weight float64
	exact  int // 3: by its name, 2: by application/*, 1: by */*, 0: not at all
	place  int // the first one is the largest
}

// replace takes the more exact of two claims to one format; the weight of that alone counts.
func (c *claim) replace(other claim) {
	if other.exact > c.exact {
		*c = other
	}
}

func (c claim) beats(other claim) bool {
	switch {
	case c.weight != other.weight:
		return c.weight > other.weight
	case c.exact != other.exact:
		return c.exact > other.exact
	default:
		return c.place > other.place
	}
}

// weight is the q of an Accept header's part: from 0 to 1, and 1 when there is none that can be read.
func weight(parameters []byte) float64 {
	given := parameter(parameters, "q")
	if given == nil { // the usual case; an error would cost more than all the rest
		return 1
	}
	q, err := strconv.ParseFloat(string(given), 64)
	if err == nil && q >= 0 && q <= 1 {
		return q
	}
	return 1
}

// parameter is the value of a media type's parameter, nil when there is none.
func parameter(parameters []byte, name string) []byte {
	for p := range bytes.SplitSeq(parameters, []byte(";")) {
		key, value, _ := bytes.Cut(bytes.TrimSpace(p), []byte("="))
		if bytes.EqualFold(key, []byte(name)) {
			return bytes.Trim(value, `"`)
		}
	}
	return nil
}

var errMedia = schemas.Errorf(schemas.KindMedia, "The request body must be JSON or XML: send it with Content-Type: application/json or application/xml.")

// bodyFormat is the format that a request says its body has; formatNone without error: it does not say.
func bodyFormat(h *fasthttp.RequestHeader) (format, error) {
	media, parameters, _ := bytes.Cut(h.ContentType(), []byte(";"))
	media = bytes.TrimSpace(media)
	f := formatOf(media)
	if f == formatNone && len(media) > 0 || f == formatXML && !isUTF8(parameter(parameters, "charset")) {
		return formatNone, errMedia
	}
	return f, nil
}

// isUTF8 tells whether XML of that charset may be read as UTF-8. JSON has no charset: what is said there says nothing.
func isUTF8(charset []byte) bool {
	return len(charset) == 0 || strictxml.IsUTF8(string(charset))
}

// sniff is the format of a body that does not say its own.
func sniff(data []byte) (format, error) {
	data = bytes.TrimLeft(bytes.TrimPrefix(data, strictxml.ByteOrderMark), " \t\r\n")
	switch {
	case bytes.HasPrefix(data, []byte("{")):
		return formatJSON, nil
	case bytes.HasPrefix(data, []byte("<")):
		return formatXML, nil
	default:
		return formatNone, errMedia
	}
}
