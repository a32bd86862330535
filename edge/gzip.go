package edge

import (
	"bytes"
	"compress/gzip"
	"io"

	"github.com/valyala/fasthttp"

	"github.com/ozonecloud/ozone/schemas"
)

var encodingGzip = []byte("gzip")

// isGzip tells whether a coding is gzip, by either of its names. Source: RFC 9110, section 8.4.1.3.
func isGzip(coding []byte) bool {
	return bytes.EqualFold(coding, encodingGzip) || bytes.EqualFold(coding, []byte("x-gzip"))
}

// compress makes the answer's body gzip when the request offers that, a fault's too.
func compress(ctx *fasthttp.RequestCtx) {
	if ctx.Response.IsBodyStream() {
		return
	}
	body := ctx.Response.Body()
	if len(body) == 0 || !offersGzip(joined(&ctx.Request.Header, fasthttp.HeaderAcceptEncoding)) {
		return
	}
	packed := fasthttp.AppendGzipBytesLevel(nil, body, fasthttp.CompressBestSpeed)
	ctx.Response.SetBodyRaw(packed)
	ctx.Response.Header.SetContentEncodingBytes(encodingGzip)
}

// offersGzip tells whether an Accept-Encoding header names gzip. A * does not: a client must ask for it.
func offersGzip(accept []byte) bool {
	for one := range bytes.SplitSeq(accept, []byte(",")) {
		coding, parameters, _ := bytes.Cut(one, []byte(";"))
		if isGzip(bytes.TrimSpace(coding)) {
			return weight(parameters) > 0
		}
	}
	return false
}

var (
	errCoding = schemas.Errorf(schemas.KindMedia, "The request body may have Content-Encoding: gzip, or none.")
	errGzip   = schemas.Errorf(schemas.KindInvalid, "The request body is not valid gzip.")
)

// bodyCoding tells whether a request says that its body is gzip. Any other coding is refused, and more than one.
func bodyCoding(h *fasthttp.RequestHeader) (packed bool, err error) {
	codings := h.PeekAll(fasthttp.HeaderContentEncoding)
	switch {
	case len(codings) == 0, len(codings) == 1 && (len(codings[0]) == 0 || bytes.EqualFold(codings[0], []byte("identity"))):
		return false, nil
	case len(codings) == 1 && isGzip(codings[0]):
		return true, nil
	default:
		return false, errCoding
	}
}

// inflate is what packed says, at most limit bytes: a body that grows beyond is read no further.
func inflate(packed []byte, limit int) ([]byte, error) {
	in, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, errGzip
	}
	data, err := io.ReadAll(io.LimitReader(in, int64(limit)+1))
	switch {
	case len(data) > limit:
		return nil, errTooLarge
	case err != nil:
		return nil, errGzip
	}
	return data, nil
}
