package edge_test

import (
	"compress/gzip"
	"io"
	"strings"
	"testing"

	"github.com/ozonecloud/ozone/tests/gziptest"
)

// unpack is what gzip text says.
func unpack(tb testing.TB, packed string) string {
	tb.Helper()
	r, err := gzip.NewReader(strings.NewReader(packed))
	if err != nil {
		tb.Fatalf("%q: %v", packed, err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		tb.Fatalf("%q: %v", packed, err)
	}
	return string(text)
}

func TestAnswersAreGzipForWhoOffersIt(t *testing.T) {
	t.Parallel()
	r := furnished(t)
	for offer, packed := range map[string]bool{
		"gzip": true, "gzip,deflate": true, "deflate, GZIP;q=0.1": true, "x-gzip": true, "deflate\r\nAccept-Encoding: gzip": true,
		"": false, "identity": false, "gzip;q=0": false, "*": false, "gzipped": false, "deflate, br": false,
	} {
		for _, path := range []string{"/v1.0/1001/servers/detail.xml", "/v1.0/1001/servers/99", "/v1.0/1002/servers", "/", "/healthz"} {
			plain, res := r.do("GET", path, ""), r.do("GET", path, "", "Accept-Encoding: "+offer)
			body := res.body
			if packed {
				body = unpack(t, body)
			}
			if got := res.header.Get("Content-Encoding"); (got == "gzip") != packed || !packed && got != "" || body != plain.body || res.status != plain.status {
				t.Errorf("GET %s, offering %q = %d, Content-Encoding %q: %q, want %d %q", path, offer, res.status, got, body, plain.status, plain.body)
			}
			if vary := res.header.Get("Vary"); vary != "Accept, Accept-Encoding, X-Auth-Token" {
				t.Errorf("GET %s: Vary %q", path, vary)
			}
		}
	}
	if res := r.do("DELETE", "/v1.0/1001/servers/12", "", "Accept-Encoding: gzip"); res.status != 202 || res.body != "" || res.header.Get("Content-Encoding") != "" {
		t.Errorf("an empty answer: %d\n%s", res.status, res.raw)
	}
	if res := r.do("HEAD", "/v1.0/1001/servers", "", "Accept-Encoding: gzip"); res.status != 200 || res.header.Get("Content-Encoding") != "gzip" {
		t.Errorf("HEAD: %d\n%s", res.status, res.raw)
	}
	if res := r.raw("GET / HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\nA: b\nX: y\r\n\r\n"); res.status != 400 || !strings.HasPrefix(unpack(t, res.body), `{"badRequest":`) {
		t.Errorf("bad framing: %d %q", res.status, res.body)
	}
}

func TestBodiesMayBeGzip(t *testing.T) {
	t.Parallel()
	r := furnished(t)
	rename := `{"server":{"name":"web 2"}}`
	bomb := gziptest.Pack(t, rename+strings.Repeat(" ", 8<<20))
	if len(bomb) > 64<<10 {
		t.Fatalf("the bomb is %d bytes long, which is too much anyway", len(bomb))
	}
	good := gziptest.Pack(t, rename)
	for _, c := range []struct {
		what, coding, body string
		want               int
	}{
		{"gzip", "gzip", good, 204},
		{"by its other name", "X-GZIP", good, 204},
		{"XML, nothing said of it", "gzip", gziptest.Pack(t, `<server name="web 2"/>`), 204},
		{"in parts", "gzip", gziptest.Pack(t, rename[:9]) + gziptest.Pack(t, rename[9:]), 204},
		{"identity", "identity", rename, 204},
		{"an empty line", " ", rename, 204},
		{"as long as may be", "gzip", gziptest.Pack(t, rename+strings.Repeat(" ", 64<<10-len(rename))), 204},
		{"one byte more", "gzip", gziptest.Pack(t, rename+strings.Repeat(" ", 64<<10-len(rename)+1)), 413},
		{"a bomb", "gzip", bomb, 413},
		{"a bomb in a bomb", "gzip", gziptest.Pack(t, bomb), 415},
		{"many empty parts", "gzip", strings.Repeat(gziptest.Pack(t, ""), 2000), 415},
		{"too long as it is sent", "gzip", strings.Repeat(good, 4000), 413},
		{"no gzip", "gzip", rename, 400},
		{"nothing", "gzip", "", 400},
		{"cut off", "gzip", good[:len(good)-9], 400},
		{"a wrong checksum", "gzip", good[:len(good)-8] + "\x00\x00\x00\x00" + good[len(good)-4:], 400},
		{"more behind it", "gzip", good + "x", 400},
		{"gzip, not said", "", good, 415},
		{"another coding", "deflate", good, 415},
		{"two codings", "gzip, gzip", gziptest.Pack(t, good), 415},
		{"two lines", "gzip\r\nContent-Encoding: identity", good, 415},
	} {
		headers := []string{"Content-Type: "}
		if c.coding != "" {
			headers = append(headers, "Content-Encoding: "+c.coding)
		}
		if res := r.do("PUT", "/v1.0/1001/servers/12", c.body, headers...); res.status != c.want {
			t.Errorf("%s = %d %s, want %d", c.what, res.status, res.body, c.want)
		}
	}
}
