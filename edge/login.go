package edge

import (
	"context"
	"strconv"

	"github.com/valyala/fasthttp"
)

// The headers of a login. Their letter case is part of the contract: old clients look for exactly these.
const (
	headerAuthUser  = "X-Auth-User"
	headerAuthKey   = "X-Auth-Key"
	headerAuthToken = "X-Auth-Token" //nolint:gosec // the name of a header
)

// isLogin tells whether a request asks for a token: a GET of the root or of /v1.0 that has a user or a key and no token.
func isLogin(r *Request) bool {
	parts, h := r.target.parts(), &r.http.Request.Header
	if len(parts) > 1 || len(parts) == 1 && string(parts[0]) != "v1.0" || !h.IsGet() && !h.IsHead() {
		return false
	}
	return len(h.Peek(headerAuthToken)) == 0 && (len(h.Peek(headerAuthUser)) > 0 || len(h.Peek(headerAuthKey)) > 0)
}

// login answers with a token and the URLs that work with it. They come from the configuration, never from the request.
func (s *Server) login(ctx context.Context, r *Request) (Response, error) {
	token, account, err := s.tokens.login(ctx, r.Header(headerAuthUser), r.Header(headerAuthKey))
	if err != nil {
		return Response{}, err
	}
	id := strconv.FormatInt(int64(account), 10)
	return Response{Status: fasthttp.StatusNoContent, Header: []Field{
		{headerAuthToken, token},
		{"X-Server-Management-Url", s.config.PublicURL + "/v1.0/" + id},
		{"X-Storage-Url", s.config.PublicURL + "/storage/v1/Ozone_" + id},
		{"X-CDN-Management-Url", s.config.PublicURL + "/cdn/v1/Ozone_" + id},
		{"Vary", headerAuthUser + ", " + headerAuthKey},
		{"Cache-Control", "no-store"},
	}}, nil
}

// authorize checks that the token is good for the account in the path. A wrong account looks like a wrong token.
func (s *Server) authorize(ctx context.Context, r *Request, account []byte) error {
	given := r.http.Request.Header.PeekAll(headerAuthToken)
	if len(given) != 1 { // of two tokens a proxy might check the other one
		return errToken
	}
	owner, err := s.tokens.owner(ctx, given[0])
	if err != nil {
		return err
	}
	if id, ok := parseID(account); !ok || id != int64(owner.account) {
		return errToken
	}
	r.Account, r.RateLimits = owner.account, owner.limits
	return nil
}
