package edge

import (
	"context"
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/valyala/fasthttp"
)

// handle takes one request from the socket to its answer.
func (s *Server) handle(ctx *fasthttp.RequestCtx) {
	r, ok := s.requests.Get().(*Request)
	if !ok {
		r = &Request{}
	}
	r.reset(ctx)
	defer func() {
		if p := recover(); p != nil {
			s.config.Log.Error("request panicked", "panic", p, "stack", string(debug.Stack()))
			ctx.Response.Reset()
			setVary(&ctx.Response.Header)
			s.fail(r, Response{}, errInternal)
			ctx.SetConnectionClose()
		}
		compress(ctx)
		s.requests.Put(r)
	}()
	setVary(&ctx.Response.Header)
	res, err := s.answer(s.base, r)
	switch {
	case err == nil && res.Stream != nil:
		s.stream(ctx, r, res)
	case err == nil:
		err = encode(r, res)
	}
	linger(ctx, err != nil && mayHaveBody(&ctx.Request.Header))
	if err != nil {
		s.fail(r, res, err)
	}
}

// answer goes through the checks in the order that the contract gives them, up to the handler.
func (s *Server) answer(ctx context.Context, r *Request) (Response, error) {
	errPath := r.locate()
	if err := checkFraming(&r.http.Request.Header); err != nil {
		r.http.SetConnectionClose() // where such a request ends is anybody's guess
		return Response{}, err
	}
	if errPath != nil {
		return Response{}, errPath
	}
	if isLogin(r) {
		return s.login(ctx, r)
	}
	node, err := s.find(ctx, r)
	if err != nil {
		return Response{}, err
	}
	route, err := node.route(string(r.http.Request.Header.Method()))
	if err != nil {
		return Response{Header: []Field{{headerAllowed, node.allow()}}}, err
	}
	r.core = strings.HasPrefix(route.module, coreNamespace+".")
	if err := s.count(ctx, r, route); err != nil {
		return Response{}, err
	}
	if route.MaxBody > 0 {
		if err := r.readBody(route); err != nil {
			return Response{}, err
		}
		if err := route.Members.Check(r.Body, "body"); err != nil {
			return Response{}, err
		}
	}
	if err := r.readDryRun(route); err != nil {
		return Response{}, err
	}
	plantDefect(r)
	res, err := route.Handle(ctx, r)
	if r.dry {
		s.uncount(ctx, r.Account, r.counted)
		r.counted = nil
	}
	return res, err
}

// locate reads the path, and in which format the answer is wanted; that comes first, so that a refusal has it too.
func (r *Request) locate() error {
	h := &r.http.Request.Header
	err := r.target.parse(h.RequestURI())
	r.format = negotiate(r.target.suffix, h)
	return err
}

// find finds the path. Outside every namespace it is not found for anybody; inside one, only the account's own token sees more.
func (s *Server) find(ctx context.Context, r *Request) (*node, error) {
	parts := r.target.parts()
	node := s.router.find(parts, &r.params)
	if node != nil && r.params.get(paramAccount) == nil {
		return node, nil
	}
	account, private := s.router.account(parts)
	if !private {
		return nil, errNotFound
	}
	if err := s.authorize(ctx, r, account); err != nil {
		return nil, err
	}
	r.http.Response.Header.SetCanonical(headerCache, cacheNever)
	if node == nil {
		return nil, errNotFound
	}
	return node, nil
}

// setVary says what of a request an answer depends on.
func setVary(h *fasthttp.ResponseHeader) { h.SetCanonical(headerVary, varyValue) }

// fail writes err as a fault. A defect is logged with what is needed to find it, and shown as nothing but that.
func (s *Server) fail(r *Request, res Response, err error) {
	f, known := faultOf(err)
	if !known {
		h := &r.http.Request.Header
		s.config.Log.Error("request failed", "error", err, "method", clip(h.Method()), "path", clip(r.http.Path()), "account", int64(r.Account))
	}
	s.uncount(s.base, r.Account, r.counted)
	r.counted = nil
	setHeaders(&r.http.Response.Header, res.Header)
	f.write(&r.http.Response, r.format, s.config.Now())
}

// clip bounds what a stranger can put into a log line.
func clip(b []byte) string {
	const most = 200
	if len(b) > most {
		b = b[:most]
	}
	return fmt.Sprintf("%q", b)
}

// failFraming answers a request that could not be read; fasthttp closes the connection behind it.
func (s *Server) failFraming(ctx *fasthttp.RequestCtx, err error) {
	linger(ctx, true)
	s.failEarly(ctx, framingFault(err))
}

// failEarly answers a request that never came to its handler, in the format that it asks for. Of one whose header is no
// HTTP nothing was kept, so the format is the default.
func (s *Server) failEarly(ctx *fasthttp.RequestCtx, f fault) {
	var r Request
	r.reset(ctx)
	_ = r.locate() // the fault is worse than a bad path
	setVary(&ctx.Response.Header)
	f.write(&ctx.Response, r.format, s.config.Now())
	compress(ctx)
}
