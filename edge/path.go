package edge

import (
	"bytes"
	"strings"

	"github.com/ozonecloud/ozone/schemas"
)

// maxSegments bounds how many parts of a path are kept. The longest route has 6.
const maxSegments = 12

var errPath = schemas.Errorf(schemas.KindInvalid, "The path has characters that are not allowed.")

// target is a request target taken apart. Its slices point into the request.
type target struct {
	segments [maxSegments][]byte
	n        int
	slash    bool   // the path ended in a slash
	suffix   format // that the path ended in: .json or .xml
}

// parts are the segments of the path.
func (t *target) parts() [][]byte { return t.segments[:t.n] }

// parse reads a request target: repeated slashes count as one, one slash at the end does not count, and the
// suffixes .json and .xml of the last segment name the format. Whatever two readers could take for
// different paths is refused. raw may be overwritten.
func (t *target) parse(raw []byte) error {
	t.n, t.slash, t.suffix = 0, false, formatNone
	path, _, _ := bytes.Cut(raw, []byte{'?'})
	if len(path) == 0 || path[0] != '/' {
		path = afterAuthority(path)
	}
	for len(path) > 0 {
		path = path[1:] // a slash
		end := bytes.IndexByte(path, '/')
		if end < 0 {
			end = len(path)
		}
		segment, err := decodeSegment(path[:end])
		if err != nil {
			return err
		}
		path = path[end:]
		if t.slash = len(segment) == 0; t.slash {
			continue
		}
		if t.n < maxSegments { // a path as long as that matches no route anyway
			t.segments[t.n] = segment
			t.n++
		}
	}
	return t.cutSuffix()
}

// afterAuthority is the path of a target in absolute form, for example http://host/path.
func afterAuthority(target []byte) []byte {
	_, rest, ok := bytes.Cut(target, []byte("://"))
	if !ok {
		return nil
	}
	at := bytes.IndexByte(rest, '/')
	if at < 0 {
		return nil
	}
	return rest[at:]
}

// cutSuffix takes the format off the last segment; /servers/.json is /servers.
func (t *target) cutSuffix() error {
	if t.n == 0 || t.slash {
		return nil
	}
	last := &t.segments[t.n-1]
	if cut, ok := bytes.CutSuffix(*last, []byte(".json")); ok {
		*last, t.suffix = cut, formatJSON
	} else if cut, ok := bytes.CutSuffix(*last, []byte(".xml")); ok {
		*last, t.suffix = cut, formatXML
	}
	err := checkDots(*last)
	if len(*last) == 0 {
		t.n--
		t.slash = true
	}
	return err
}

// decodeSegment undoes the encoding of unreserved characters in place; every other encoded or illegal character is refused.
func decodeSegment(b []byte) ([]byte, error) {
	out := b[:0]
	for i := 0; i < len(b); i++ {
		c := b[i]
		if c == '%' {
			if i+2 >= len(b) {
				return nil, errPath
			}
			c = unhex(b[i+1])<<4 | unhex(b[i+2])
			if !isHex(b[i+1]) || !isHex(b[i+2]) || !isUnreserved(c) {
				return nil, errPath
			}
			i += 2
		} else if !isUnreserved(c) && strings.IndexByte("!$&'()*+,;=:@", c) < 0 {
			return nil, errPath
		}
		out = append(out, c)
	}
	return out, checkDots(out)
}

// checkDots refuses the segments that mean another place.
func checkDots(segment []byte) error {
	if string(segment) == "." || string(segment) == ".." {
		return errPath
	}
	return nil
}

func isUnreserved(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~'
}

func isHex(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f' }

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}
