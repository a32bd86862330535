package edge_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/ozonecloud/ozone/schemas"
)

// BenchmarkGetServer is the hottest path, beside a bare handler that writes the same bytes.
func BenchmarkGetServer(b *testing.B) {
	r := newRig(b, nil)
	r.rows.put(account, schemas.ServerID(12).Ref(), "web", rendered)
	request := "GET /v1.0/1001/servers/12 HTTP/1.1\r\nHost: x\r\nX-Auth-Token: token-of-demo\r\n\r\n"
	length := len(r.do("GET", "/v1.0/1001/servers/12", "").body)
	b.Run("edge", func(b *testing.B) { hammer(b, r.addr, request, length) })
	inXML := strings.Replace(request, "/12 ", "/12.xml ", 1)
	lengthXML := len(r.do("GET", "/v1.0/1001/servers/12.xml", "").body)
	b.Run("xml", func(b *testing.B) { hammer(b, r.addr, inXML, lengthXML) })
	b.Run("bare", func(b *testing.B) { hammer(b, bare(b, `{"server":`+rendered+`}`), request, length) })
}

// BenchmarkCreateServer is a create up to an answer that takes no time.
func BenchmarkCreateServer(b *testing.B) {
	r := newRig(b, nil)
	request := "POST /v1.0/1001/servers HTTP/1.1\r\nHost: x\r\nX-Auth-Token: token-of-demo\r\nContent-Type: application/json\r\nContent-Length: " +
		itoa(len(createBody)) + "\r\n\r\n" + createBody
	hammer(b, r.addr, request, len(r.do("POST", "/v1.0/1001/servers", createBody).body))
}

// bare serves body with the headers that the edge writes.
func bare(b *testing.B, body string) string {
	b.Helper()
	ln, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := &fasthttp.Server{NoDefaultServerHeader: true, Handler: func(ctx *fasthttp.RequestCtx) {
		ctx.Response.Header.SetContentType("application/json; charset=UTF-8")
		ctx.Response.Header.Set("Vary", "Accept, Accept-Encoding, X-Auth-Token")
		ctx.Response.Header.Set("Cache-Control", "no-cache")
		ctx.Response.Header.Set("Last-Modified", "Fri, 02 Jan 2026 03:04:05 GMT")
		ctx.SetBodyString(body)
	}}
	go func() { _ = s.Serve(ln) }()
	b.Cleanup(func() { _ = s.Shutdown() })
	return ln.Addr().String()
}

// hammer sends the request over keep-alive connections, 32 for each processor.
func hammer(b *testing.B, addr, request string, length int) {
	b.Helper()
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		c, err := new(net.Dialer).DialContext(context.Background(), "tcp", addr)
		if err != nil {
			b.Error(err)
			return
		}
		defer func() { _ = c.Close() }()
		in := bufio.NewReader(c)
		for pb.Next() {
			if _, err := io.WriteString(c, request); err != nil {
				b.Error(err)
				return
			}
			if err := skip(in, length); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// skip reads one answer whose body is that long.
func skip(in *bufio.Reader, length int) error {
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if strings.TrimSpace(string(line)) == "" {
			_, err := in.Discard(length)
			return err
		}
	}
}
