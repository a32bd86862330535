package edge

import (
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// What is read of a refused request after its answer. Closed with bytes unread, a connection is reset, and the answer is
// lost on its way to a client that writes its whole body first.
const (
	lingerTime  = time.Second
	lingerBytes = 16 << 20
)

// lingering makes a listener's connections able to linger.
type lingering struct{ net.Listener }

// Accept waits for the next connection.
func (l lingering) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &lingerConn{Conn: c}, nil
}

// lingerConn reads on for a while before it closes, when its last request was refused.
type lingerConn struct {
	net.Conn
	refused atomic.Bool
}

// Close ends the connection.
func (c *lingerConn) Close() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok && c.refused.Load() && half.CloseWrite() == nil {
		_ = c.SetReadDeadline(time.Now().Add(lingerTime)) //nolint:forbidigo // a socket's clock
		_, _ = io.CopyN(io.Discard, c.Conn, lingerBytes)  // whatever ends it
	}
	return c.Conn.Close()
}

// linger notes whether a connection that closes behind this request should read on.
func linger(ctx *fasthttp.RequestCtx, refused bool) {
	if c, ok := ctx.Conn().(*lingerConn); ok {
		c.refused.Store(refused)
	}
}
