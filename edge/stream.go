package edge

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"runtime/debug"
	"time"

	"github.com/valyala/fasthttp"
)

// Heartbeat is how often a stream says that it lives when it has nothing else to say. Source: docs/numbers.md.
const Heartbeat = 15 * time.Second

// contentStream is the type of server-sent events. Source: the HTML standard, "Server-sent events".
const contentStream = "text/event-stream"

// Stream is an answer that goes on: server-sent events.
type Stream struct {
	w     *bufio.Writer
	conn  net.Conn
	check func() error // why its client may have nothing more
	ended error
}

// may tells whether the client may have what comes: a stream ends when its token does.
func (s *Stream) may() bool {
	if s.ended == nil {
		s.ended = s.check()
	}
	return s.ended == nil
}

// Event adds one event; id and name may be empty. data is one line.
func (s *Stream) Event(id, name string, data []byte) {
	if !s.may() {
		return
	}
	s.line("id", []byte(id))
	s.line("event", []byte(name))
	s.line("data", data)
	_ = s.w.WriteByte('\n') // Flush tells
}

// Comment adds a line that clients skip.
func (s *Stream) Comment(text string) {
	if s.may() {
		_, _ = s.w.WriteString(": " + text + "\n\n") // Flush tells
	}
}

func (s *Stream) line(name string, value []byte) {
	if len(value) == 0 {
		return
	}
	_, _ = s.w.WriteString(name) // Flush tells
	_, _ = s.w.WriteString(": ")
	_, _ = s.w.Write(value)
	_ = s.w.WriteByte('\n')
}

// Flush sends what was added. An error means that nobody reads, or may: a reader that takes nothing for a while is none.
func (s *Stream) Flush() error {
	if s.ended != nil {
		return s.ended
	}
	if err := s.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil { //nolint:forbidigo // a socket's clock
		return err
	}
	return s.w.Flush()
}

// WantsStream tells whether the client asks for server-sent events and can take them.
func (r *Request) WantsStream() bool {
	h := &r.http.Request.Header
	if !h.IsGet() || !h.IsHTTP11() {
		return false
	}
	for one := range bytes.SplitSeq(joined(h, fasthttp.HeaderAccept), []byte(",")) {
		media, _, _ := bytes.Cut(one, []byte(";"))
		if bytes.EqualFold(bytes.TrimSpace(media), []byte(contentStream)) {
			return true
		}
	}
	return false
}

// stream begins an answer that goes on after the handler has returned. The connection ends with it.
func (s *Server) stream(ctx *fasthttp.RequestCtx, r *Request, res Response) {
	token, account := bytes.Clone(ctx.Request.Header.Peek(headerAuthToken)), r.Account // the request is gone by then
	check := func() error {
		owner, err := s.tokens.owner(s.base, token)
		if errors.Is(err, errToken) || err == nil && owner.account != account {
			return errToken
		}
		return nil // nobody knows while the database is away, and it has nothing to tell
	}
	setHeaders(&ctx.Response.Header, res.Header)
	ctx.Response.Header.SetContentType(contentStream)
	ctx.Response.Header.Set("X-Accel-Buffering", "no") // proxies that hold answers back let this one through
	ctx.SetConnectionClose()
	conn := ctx.Conn()
	ctx.SetBodyStreamWriter(func(w *bufio.Writer) {
		defer func() {
			if p := recover(); p != nil {
				s.config.Log.Error("stream panicked", "panic", p, "stack", string(debug.Stack()))
			}
		}()
		res.Stream(&Stream{w: w, conn: conn, check: check})
	})
}
