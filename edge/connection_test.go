package edge_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// conversation sends texts on one connection and reads one answer after each.
func (r *rig) conversation(texts ...string) []int {
	r.tb.Helper()
	c := r.dial()
	defer func() { _ = c.Close() }()
	in := bufio.NewReader(c)
	var statuses []int
	for _, text := range texts {
		_, _ = io.WriteString(c, text)
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			return append(statuses, 0)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		statuses = append(statuses, res.StatusCode)
	}
	return statuses
}

func TestConnectionsLast(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	head := func(verb, path, more string) string {
		return verb + " /v1.0/1001" + path + " HTTP/1.1\r\nHost: x\r\nX-Auth-Token: token-of-demo\r\n" + more + "\r\n"
	}
	body := `{"server":{"name":"n"}}`
	length := fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	for name, c := range map[string]struct {
		texts []string
		want  []int
	}{
		"write, read, read": {
			[]string{head("PUT", "/servers/12", length) + body, head("GET", "/servers", ""), head("GET", "/nothing", "")}, []int{204, 200, 404},
		},
		"a body that nobody wanted": {
			[]string{head("DELETE", "/servers/12", length) + body, head("GET", "/servers", length) + body, head("GET", "/flavors", "")}, []int{202, 200, 200},
		},
		"a body without a token": {
			[]string{strings.Replace(head("PUT", "/servers/12", length), "token-of-demo", "x", 1) + body, head("GET", "/servers", "")}, []int{401, 200},
		},
		"a body that waits to be asked for": {
			[]string{head("PUT", "/servers/12", length+"Expect: 100-continue\r\n"), body, head("GET", "/servers", "")}, []int{100, 204, 200},
		},
		"a body that is too large": {
			[]string{head("PUT", "/servers/12", "Content-Type: application/json\r\nContent-Length: 99999999\r\n") + strings.Repeat(" ", 9000), head("GET", "/servers", "")}, []int{413, 0},
		},
		"close": {
			[]string{head("GET", "/servers", "Connection: close\r\n"), head("GET", "/servers", "")}, []int{200, 0},
		},
	} {
		if got := r.conversation(c.texts...); fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// A client that writes its whole body before it reads must get the answer, not the end of a connection with bytes unread.
func TestARefusedBodyIsAnsweredToWhoWritesItWhole(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for range 50 {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+r.addr+"/v1.0/1001/servers/12",
			strings.NewReader(strings.Repeat(" ", 2_000_000)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Auth-Token", "token-of-demo")
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusRequestEntityTooLarge {
			t.Fatalf("status %d, want 413", res.StatusCode)
		}
	}
}
