package client

import (
	"bufio"
	"io"
	"strings"
	"testing"
)

func TestNoticesOfAStream(t *testing.T) {
	t.Parallel()
	lines := bufio.NewReader(strings.NewReader(
		"id: 7\n\n: heartbeat\n\nid:8\r\nevent: x\r\ndata: {\"a\":\r\ndata: 1}\r\n\r\nid: 9\n"))
	alive := 0
	for _, want := range []notice{{id: "7"}, {}, {id: "8", kind: "x", data: []byte(`{"a":1}`)}} {
		got, err := read(lines, func() { alive++ })
		if err != nil || got.id != want.id || got.kind != want.kind || string(got.data) != string(want.data) {
			t.Errorf("read() = %+v, %v, want %+v", got, err, want)
		}
	}
	if alive != 9 {
		t.Errorf("%d signs of life, want one for each of 9 lines", alive)
	}
	if _, err := read(lines, func() {}); err != io.EOF { //nolint:errorlint // it is that one
		t.Errorf("read() of half a notice = %v, want EOF", err)
	}
}
