package edge

import (
	"bytes"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/ozonecloud/ozone/edge/strictjson"
	"github.com/ozonecloud/ozone/schemas"
)

// The bounds of a connection.
const (
	readTimeout  = 15 * time.Second // from the first byte of a request to the last of its body
	writeTimeout = 15 * time.Second
	idleTimeout  = 20 * time.Second // Source: API guide v1.0, "Persistent Connections"
	headerBuffer = 8 << 10          // request line and header lines together
	maxMethod    = 16
)

// How long request bodies may be, in bytes.
const (
	// SmallBody is for everything but personality.
	SmallBody = 64 << 10
	// LargeBody has room for five files of 10 KiB in base64, wrapped and indented.
	LargeBody = 1 << 20
)

// newHTTP is the hardened HTTP server. Each setting stands against something that was seen.
func (s *Server) newHTTP() *fasthttp.Server {
	return &fasthttp.Server{
		Handler:               s.handle,
		ErrorHandler:          s.failFraming,
		ExpectHandler:         s.expect,
		Logger:                httpLog{s.config.Log},
		Concurrency:           s.config.Concurrency,
		MaxConnsPerIP:         s.config.MaxConnsPerIP,
		ReadBufferSize:        headerBuffer,
		ReadTimeout:           readTimeout,
		WriteTimeout:          writeTimeout,
		IdleTimeout:           idleTimeout,
		MaxRequestBodySize:    SmallBody,
		StreamRequestBody:     true, // else a stalled body holds all the memory that it announced
		SecureErrorLogMessage: true, // else a bad header line is logged, which may be the key
		NoDefaultServerHeader: true,
		NoDefaultContentType:  true,
		CloseOnShutdown:       true,

		DisablePreParseMultipartForm: true,
	}
}

var errFraming = schemas.Errorf(schemas.KindInvalid, "The request is not valid HTTP.")

// checkFraming refuses what two readers could take for different requests. What fasthttp refuses by itself:
// two Content-Length or Host lines, a missing Host, signs and blanks in lengths, control characters.
func checkFraming(h *fasthttp.RequestHeader) error {
	method, proto := h.Method(), h.Protocol()
	if len(method) > maxMethod || !isUpper(method) {
		return errFraming
	}
	if string(proto) != "HTTP/1.1" && string(proto) != "HTTP/1.0" {
		return errFraming
	}
	raw := h.RawHeaders()
	if bytes.Count(raw, []byte("\n")) != bytes.Count(raw, []byte("\r\n")) { // bare line feeds
		return errFraming
	}
	if bytes.Contains(raw, []byte("\n ")) || bytes.Contains(raw, []byte("\n\t")) { // folded lines
		return errFraming
	}
	if !namesAreTokens(raw) {
		return errFraming
	}
	if !mayHaveBody(h) {
		return nil
	}
	encoded := hasLine(raw, "transfer-encoding")
	if encoded && (hasLine(raw, "content-length") || h.ContentLength() != -1) {
		return errFraming
	}
	return nil
}

// namesAreTokens tells whether every header line has a name without blanks and separators: what some readers skip of
// another name, others read.
func namesAreTokens(raw []byte) bool {
	for line := range bytes.SplitSeq(raw, []byte("\n")) {
		name, _, _ := bytes.Cut(line, []byte(":"))
		if len(line) > 1 && bytes.IndexFunc(name, isSeparator) >= 0 { // the last line is empty
			return false
		}
	}
	return true
}

// isSeparator tells whether c cannot be in a header's name. Source: RFC 9110, "Tokens".
func isSeparator(c rune) bool {
	return c <= ' ' || c > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, c)
}

func mayHaveBody(h *fasthttp.RequestHeader) bool {
	length := h.ContentLength() // -1: chunked, -2: not said
	return !h.IsGet() || length > 0 || length == -1
}

func isUpper(b []byte) bool {
	for _, c := range b {
		if c < 'A' || c > 'Z' {
			return false
		}
	}
	return true
}

// hasLine tells whether raw has a header line of that name, given in lower case.
func hasLine(raw []byte, name string) bool {
	for line := range bytes.SplitSeq(raw, []byte("\n")) {
		if len(line) > len(name) && line[len(name)] == ':' && bytes.EqualFold(line[:len(name)], []byte(name)) {
			return true
		}
	}
	return false
}

// expect decides before a body is sent, when the client waits for that.
func (s *Server) expect(ctx *fasthttp.RequestCtx) int {
	if ctx.Request.Header.ContentLength() <= LargeBody {
		return fasthttp.StatusContinue
	}
	s.failEarly(ctx, fault{fasthttp.StatusRequestEntityTooLarge, schemas.FaultOverLimit, errTooLarge})
	return fasthttp.StatusRequestEntityTooLarge
}

// readBody reads and parses the document of a request, of the length and in the formats that its route takes.
func (r *Request) readBody(route *Route) error {
	h := &r.http.Request.Header
	f, err := bodyFormat(h)
	if err != nil {
		return err
	}
	packed, err := bodyCoding(h)
	if err != nil {
		return err
	}
	data, err := r.readBytes(route.MaxBody)
	if err == nil && packed {
		data, err = inflate(data, route.MaxBody)
	}
	if err != nil {
		return err
	}
	if f == formatNone {
		if f, err = sniff(data); err != nil {
			return err
		}
	}
	return r.parseBody(route, f, data)
}

// readBytes reads a body of at most limit bytes as it was sent.
func (r *Request) readBytes(limit int) ([]byte, error) {
	if r.http.Request.Header.ContentLength() > limit {
		return nil, errTooLarge
	}
	data, err := io.ReadAll(io.LimitReader(bodyReader(r.http), int64(limit)+1))
	switch {
	case err != nil:
		r.http.SetConnectionClose()
		return nil, schemas.Errorf(schemas.KindInvalid, "The request body ended too early.")
	case len(data) > limit:
		return nil, errTooLarge
	}
	return data, nil
}

func (r *Request) parseBody(route *Route, f format, data []byte) (err error) {
	switch {
	case f == formatJSON:
		r.Body, err = strictjson.Parse(data)
	case route.XML != nil:
		r.Body, err = route.XML.Parse(data)
	default:
		return errMedia
	}
	if err != nil {
		return schemas.Errorf(schemas.KindInvalid, "The request body is not valid.").Because("%v", err)
	}
	return nil
}

func bodyReader(ctx *fasthttp.RequestCtx) io.Reader {
	if stream := ctx.RequestBodyStream(); stream != nil {
		return stream
	}
	return bytes.NewReader(nil)
}

// httpLog takes what fasthttp has to say about connections. Its arguments may hold header lines and
// with them keys, so only the constant part is kept.
type httpLog struct{ log *slog.Logger }

// Printf logs the format alone.
func (l httpLog) Printf(format string, _ ...any) { l.log.Debug("http connection", "what", format) }
