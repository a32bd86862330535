package edge_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"

	"github.com/ozonecloud/ozone/schemas"
)

// TestAStreamIsSmall opens many streams whose clients read nothing while events come, and counts what they hold in memory.
//
//nolint:paralleltest // others' memory would count
func TestAStreamIsSmall(t *testing.T) {
	const streams, most = 1000, 64 << 10
	r := newRig(t, nil)
	r.stream(t, r.tokens[other], "/ozone/v1/1002/events").expect(message{id: "0"}) // what all share is there
	before := inUse()
	conns := make([]net.Conn, streams)
	for i := range conns {
		conns[i] = r.dial()
		defer func() { _ = conns[i].Close() }()
		_, _ = io.WriteString(conns[i], "GET "+eventsPath+" HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nX-Auth-Token: "+r.tokens[account]+"\r\n\r\n")
		line := make([]byte, 15)
		if _, err := io.ReadFull(conns[i], line); err != nil || string(line) != "HTTP/1.1 200 OK" {
			t.Fatalf("stream %d: %q, %v", i, line, err)
		}
	}
	idle := inUse()
	filler := strings.Repeat("x", 1000)
	for range 200 {
		r.rows.tell(account, schemas.ServerID(12).Ref(), "ozone.x", `"`+filler+`"`)
	}
	r.rows.tell(account, schemas.ServerID(12).Ref(), "ozone.last", "1")
	for in := bufio.NewScanner(conns[streams-1]); in.Scan() && in.Text() != "data: 1"; {
		continue
	}
	busy := inUse()
	each := func(n int64) string { return fmt.Sprintf("%d KiB", (n-before)/streams>>10) }
	t.Logf("a stream holds %s when nothing happens, %s behind 200 events", each(idle), each(busy))
	if max(idle, busy)-before > streams*most {
		t.Errorf("a stream holds %s and %s, want at most %d KiB", each(idle), each(busy), most>>10)
	}
}

// inUse is the memory of the process, of both ends of its connections.
func inUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}
