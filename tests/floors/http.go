// Package floors does the least that a part of Ozone could do, to be measured beside it.
package floors

import (
	"context"
	"fmt"
	"io"
	"net"

	"github.com/valyala/fasthttp"
)

// Handler serves a bare fasthttp handler at listen that writes the same bytes to every request, until ctx ends: header is
// name, value, name, value ... Once it serves it says so to out as a node does.
func Handler(ctx context.Context, listen string, header []string, body []byte, out io.Writer) error {
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", listen)
	if err != nil {
		return fmt.Errorf("floor: %w", err)
	}
	server := &fasthttp.Server{
		NoDefaultServerHeader: true,
		Handler: func(ctx *fasthttp.RequestCtx) {
			for i := 0; i+1 < len(header); i += 2 {
				ctx.Response.Header.Set(header[i], header[i+1])
			}
			ctx.Response.SetBodyRaw(body)
		},
	}
	context.AfterFunc(ctx, func() { _ = server.Shutdown() })
	if _, err := fmt.Fprintf(out, "floor is ready: http://%s\n", ln.Addr()); err != nil {
		return err
	}
	return server.Serve(ln)
}
