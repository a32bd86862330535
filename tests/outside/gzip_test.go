package outside_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/ozonecloud/ozone/tests/gziptest"
)

// TestGzipBothWays makes a server with a packed body and reads packed answers. What unpacks to too much is refused.
func TestGzipBothWays(t *testing.T) {
	bothWays(t, func(t *testing.T, w *way) {
		c := w.tenant(t)
		good := server(`"name":"packed","imageId":1,"flavorId":1`)
		for _, x := range []struct {
			what   string
			body   string
			coding string
			status int
			fault  string
		}{
			{"bomb", gziptest.Pack(t, good+strings.Repeat(" ", 32<<20)), "gzip", 413, "overLimit"},
			{"no gzip", good, "gzip", 400, bad},
			{"cut off", gziptest.Pack(t, good)[:20], "gzip", 400, bad},
			{"another coding", good, "br", 415, media},
			{"gzip", gziptest.Pack(t, good), "gzip", 202, ""},
		} {
			r, err := c.Do(t.Context(), http.MethodPost, "/servers", x.body, "Content-Encoding", x.coding)
			expect(t, x.what, r, err, x.status, x.fault)
		}
		for _, path := range []string{"/servers", "/images/detail.xml", "/servers/99999999"} {
			plain, err := get(t, c, path)
			if err != nil {
				t.Fatal(err)
			}
			packed, err := c.Do(t.Context(), http.MethodGet, path, nil, "Accept-Encoding", "gzip,deflate")
			if err != nil {
				t.Fatal(err)
			}
			in, err := gzip.NewReader(bytes.NewReader(packed.Body))
			if err != nil {
				t.Fatalf("%s: %q: %v", path, packed.Body, err)
			}
			if text, err := io.ReadAll(in); err != nil || !bytes.Equal(text, plain.Body) || packed.Header.Get("Content-Encoding") != "gzip" {
				t.Errorf("%s: %s, %v, %v, want %s", path, text, err, packed.Header, plain.Body)
			}
			if plain.Header.Get("Content-Encoding") != "" {
				t.Errorf("%s: %v for who offers nothing", path, plain.Header)
			}
		}
	})
}
