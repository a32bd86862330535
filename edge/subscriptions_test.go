package edge_test

import (
	"net/http"
	"strings"
	"testing"
)

func TestWithoutABrokerASubscriptionIsAnsweredWithTheReason(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	const path = "/ozone/v1/1001/subscriptions"
	for _, c := range []struct {
		verb, path, body string
		status           int
		words            string
	}{
		{"GET", path, "", http.StatusNotImplemented, "RabbitMQ"},
		{"POST", path, `{"subscription":{"name":"mine"}}`, http.StatusNotImplemented, "RabbitMQ"},
		{"DELETE", path + "/events.shop.mine", "", http.StatusNotImplemented, "RabbitMQ"},
		{"POST", path, `{}`, http.StatusBadRequest, "subscription"},
		{"POST", path, `{"subscription":{"name":7}}`, http.StatusBadRequest, "name"},
		{"POST", path, `{"subscription":{"name":"a.b"}}`, http.StatusBadRequest, "name"},
		{"POST", path, `{"subscription":{"name":"x","types":"server"}}`, http.StatusBadRequest, "types"},
		{"POST", path, `{"subscription":{"name":"x","types":[1]}}`, http.StatusBadRequest, "types"},
		{"POST", path, `{"subscription":{"name":"x","server":"7"}}`, http.StatusBadRequest, "server"},
		{"POST", path, `{"subscription":{"name":"x","server":7}}`, http.StatusNotFound, "Not Found"},
		{"POST", path, `{"subscription":{"name":"x","more":7}}`, http.StatusBadRequest, "more"},
	} {
		if res := r.do(c.verb, c.path, c.body); res.status != c.status || !strings.Contains(res.body, c.words) {
			t.Errorf("%s %s %s = %d %s, want %d with %q", c.verb, c.path, c.body, res.status, res.body, c.status, c.words)
		}
	}
}
