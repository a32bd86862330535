package edge_test

import (
	"strings"
	"testing"
)

// Requests that no two readers may take differently, and what is answered: 0 closes without a word.
var framings = []struct {
	name, request string
	status        int
}{
	{"content length and chunks", "POST /v1.0/1001/servers HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
	{"chunks and content length", "POST /v1.0/1001/servers HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400},
	{"content length and identity", "POST /v1.0/1001/servers HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: identity\r\n\r\nabc", 400},
	{"chunked twice", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
	{"gzip, chunked", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400},
	{"chunks in HTTP/1.0", "POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
	{"two content lengths", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400},
	{"content length list", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3, 3\r\n\r\nabc", 400},
	{"content length +5", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\nabcde", 400},
	{"content length -1", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400},
	{"content length 0x5", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x5\r\n\r\nabcde", 400},
	{"content length too large a number", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n", 400},
	{"blank before colon", "GET / HTTP/1.1\r\nHost: x\r\nX-Auth-Token : t\r\n\r\n", 400},
	{"blank in content length name", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length : 3\r\n\r\nabc", 400},
	{"blank in a name", "GET / HTTP/1.1\r\nHost: x\r\nX Auth: t\r\n\r\n", 400},
	{"quote in a name", "GET / HTTP/1.1\r\nHost: x\r\n\"X\": t\r\n\r\n", 400},
	{"no host", "GET / HTTP/1.1\r\n\r\n", 400},
	{"two hosts", "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400},
	{"one bare line feed", "GET / HTTP/1.1\r\nHost: x\r\nA: b\nX: y\r\n\r\n", 400},
	{"folded line", "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", 400},
	{"line folded with a tab", "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n\tc\r\n\r\n", 400},
	{"NUL in a value", "GET / HTTP/1.1\r\nHost: x\r\nX-Auth-Key: se\x00cret\r\n\r\n", 400},
	{"NUL in a name", "GET / HTTP/1.1\r\nHost: x\r\nX\x00: y\r\n\r\n", 400},
	{"no name", "GET / HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n", 400},
	{"line without a colon", "GET / HTTP/1.1\r\nHost: x\r\nnothing\r\n\r\n", 400},
	{"HTTP/9.9", "GET / HTTP/9.9\r\nHost: x\r\n\r\n", 400},
	{"HTTP/1.2", "GET / HTTP/1.2\r\nHost: x\r\n\r\n", 400},
	{"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},
	{"HTTP/0.9", "GET /\r\n\r\n", 400},
	{"http in lower case", "GET / http/1.1\r\nHost: x\r\n\r\n", 400},
	{"method in lower case", "get / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	{"method of 1,000 letters", strings.Repeat("G", 1000) + " / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	{"method with a control character", "G\x01T / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	{"no method", " / HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	{"blank in the target", "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
	{"TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400},
	{"target of 9,000 letters", "GET /" + strings.Repeat("a", 9000) + " HTTP/1.1\r\nHost: x\r\n\r\n", 431},
	{"500 header lines", "GET / HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X-A: 12345678901234567890\r\n", 500) + "\r\n", 431},
	{"token of 1 MB", "GET / HTTP/1.1\r\nHost: x\r\nX-Auth-Token: " + strings.Repeat("t", 1<<20) + "\r\n\r\n", 431},
	{"chunk size too large a number", "POST /v1.0/1001/servers HTTP/1.1\r\nHost: x\r\nX-Auth-Token: token-of-demo\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", 400},
	{"chunk size that is none", "POST /v1.0/1001/servers HTTP/1.1\r\nHost: x\r\nX-Auth-Token: token-of-demo\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
	{"expects to send too much", "POST /v1.0/1001/servers HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n", 413},
	{"absolute target", "GET http://evil.example/ HTTP/1.1\r\nHost: x\r\n\r\n", 200},
	{"server-wide OPTIONS", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 405},
	{"CONNECT", "CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\n", 405},
	{"TRACE", "TRACE / HTTP/1.1\r\nHost: x\r\n\r\n", 405},
	{"unknown method", "BREW / HTTP/1.1\r\nHost: x\r\n\r\n", 405},
	{"HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", 200},
}

func TestHostileFramingGetsOneAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for _, c := range framings {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			res := r.raw(c.request)
			if res.status != c.status {
				t.Errorf("%.80q = %d %s, want %d", c.request, res.status, res.body, c.status)
			}
			if res.status == 400 && !strings.Contains(res.raw, "Connection: close") {
				t.Errorf("%.80q leaves the connection open:\n%s", c.request, res.raw)
			}
			if server := res.header.Get("Server"); server != "" {
				t.Errorf("Server = %q, want none", server)
			}
		})
	}
}
