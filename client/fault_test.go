package client

import (
	"net/http"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

func TestFaultInAnAnswer(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		body   string
		want   Error
	}{
		{404, `{"itemNotFound":{"code":404,"message":"Not Found"}}`, Error{Kind: schemas.KindNotFound, Fault: schemas.FaultItemNotFound, Message: "Not Found"}},
		{
			409, `{"cloudServersFault":{"code":409,"message":"server is ERROR","details":"why"}}`,
			Error{Kind: schemas.KindConflict, Fault: schemas.FaultCloudServers, Message: "server is ERROR", Details: "why"},
		},
		{500, `{"cloudServersFault":{"code":500,"message":"m"}}`, Error{Kind: schemas.KindInternal, Fault: schemas.FaultCloudServers, Message: "m"}},
		{502, `<html>`, Error{Kind: schemas.KindUnavailable, Fault: schemas.FaultCloudServers, Message: "The answer is 502 Bad Gateway."}},
		{302, ``, Error{Kind: schemas.KindInternal, Fault: schemas.FaultCloudServers, Message: "The answer is 302 Found."}},
	} {
		if got := faultIn(c.status, http.Header{}, []byte(c.body)); *got != c.want {
			t.Errorf("%d %s: %+v, want %+v", c.status, c.body, *got, c.want)
		}
	}
	if got := faultIn(503, http.Header{"Retry-After": {"7"}}, nil); got.RetryAfter != 7*time.Second {
		t.Errorf("Retry-After: 7 is %v, want 7s", got.RetryAfter)
	}
}
