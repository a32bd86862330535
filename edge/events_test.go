package edge_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

const eventsPath = "/ozone/v1/1001/events"

// tellSome puts n events of server 12 and as many of an image and of another account's server into the log.
func (r *rig) tellSome(n int) {
	for i := range n {
		r.rows.tell(account, schemas.ServerID(12).Ref(), "ozone.server.reboot.end", fmt.Sprintf(`{"own":%d}`, i))
		r.rows.tell(other, schemas.ServerID(13).Ref(), "ozone.server.reboot.end", `{"secret":1}`)
		r.rows.tell(account, schemas.ImageID(7).Ref(), "ozone.image.create.error", fmt.Sprintf(`{"image":%d}`, i))
	}
}

// eventPage is a page of events on the wire.
type eventPage struct {
	Events []json.RawMessage `json:"events"`
	Next   string            `json:"next"`
	More   bool              `json:"more"`
}

func TestPagesOfEventsAreNarrowed(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.tellSome(3)
	for query, want := range map[string]string{
		"":                               `[{"own":0} {"image":0} {"own":1} {"image":1} {"own":2} {"image":2}] 9 false`,
		"?limit=2":                       `[{"own":0} {"image":0}] 3 true`,
		"?after=4&limit=1":               `[{"image":1}] 6 true`,
		"?after=9":                       `[] 9 false`,
		"?server=12":                     `[{"own":0} {"own":1} {"own":2}] 9 false`,
		"?server=13":                     `[] 9 false`,
		"?types=*.error":                 `[{"image":0} {"image":1} {"image":2}] 9 false`,
		"?types=server.*,image.delete.*": `[{"own":0} {"own":1} {"own":2}] 9 false`,
		"?types=ozone.server.reboot.end": `[{"own":0} {"own":1} {"own":2}] 9 false`,
		"?types=server":                  `[] 9 false`,
		"?types=image.*&limit=1":         `[{"image":0}] 3 true`,
	} {
		res := r.do("GET", eventsPath+query, "")
		var page eventPage
		if err := json.Unmarshal([]byte(res.body), &page); err != nil || res.status != http.StatusOK {
			t.Fatalf("GET %s = %d %s", query, res.status, res.body)
		}
		if got := fmt.Sprintf("%s %s %v", page.Events, page.Next, page.More); got != want {
			t.Errorf("GET %s = %s, want %s", query, got, want)
		}
	}
	for _, query := range []string{"?after=x", "?server=x", "?server=0", "?types=%5B", "?types=" + strings.Repeat("a,", 16) + "a", "?limit=-1"} {
		if res := r.do("GET", eventsPath+query, ""); res.status != http.StatusBadRequest {
			t.Errorf("GET %s = %d %s, want 400", query, res.status, res.body)
		}
	}
}

func TestACursorThatIsGoneIsAnsweredWithASnapshot(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.tellSome(3)
	r.rows.put(account, schemas.ServerID(12).Ref(), "web", rendered)
	r.rows.put(other, schemas.ServerID(13).Ref(), "theirs", `{"id":13}`)
	r.rows.forgotten = 5
	const snapshot = `"snapshot":{"cursor":"9","servers":[` + rendered + `],"images":[],"shared_ip_groups":[],"more":false}}`
	for _, accept := range []string{"application/json", "application/xml", "text/event-stream"} {
		res := r.do("GET", eventsPath+"?after=4", "", "Accept: "+accept)
		if res.status != http.StatusGone || !strings.HasPrefix(res.body, `{"cursorGone":{"code":410,"message":"`) || !strings.HasSuffix(res.body, snapshot) {
			t.Errorf("GET with %s = %d %s, want 410 with %s", accept, res.status, res.body, snapshot)
		}
	}
	if res := r.do("GET", "/ozone/v1/1001/snapshot", ""); res.status != http.StatusOK || res.body != "{"+snapshot {
		t.Errorf("GET snapshot = %d %s", res.status, res.body)
	}
	if res := r.do("GET", eventsPath+"?after=5", ""); res.status != http.StatusOK {
		t.Errorf("GET behind what is gone = %d", res.status)
	}
}

// stream is an open stream of events.
type stream struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

// message is one event as it came.
type message struct{ id, name, data string }

// stream opens one, with header lines.
func (r *rig) stream(t *testing.T, token, path string, headers ...string) *stream {
	t.Helper()
	c := r.dial()
	head := "GET " + path + " HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nX-Auth-Token: " + token + "\r\n"
	for _, h := range headers {
		head += h + "\r\n"
	}
	_, _ = io.WriteString(c, head+"\r\n")
	res, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: http.MethodGet})
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" || res.Header.Get("Content-Encoding") != "" {
		t.Fatalf("stream = %d %v", res.StatusCode, res.Header)
	}
	t.Cleanup(func() { _, _ = c.Close(), res.Body.Close() })
	return &stream{t, c, bufio.NewReader(res.Body)}
}

// next reads one event; io.EOF when the stream ended whole.
func (s *stream) next() (m message, err error) {
	for {
		line, err := s.in.ReadString('\n')
		if err != nil {
			return m, err
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch {
		case name == "id":
			m.id = value
		case name == "event":
			m.name = value
		case name == "data":
			m.data = value
		case line == "\n" && m != (message{}):
			return m, nil
		}
	}
}

func (s *stream) expect(want ...message) {
	s.t.Helper()
	for _, w := range want {
		if m, err := s.next(); err != nil || m != w {
			s.t.Fatalf("the stream has %+v, %v, want %+v", m, err, w)
		}
	}
}

func TestAStreamBeginsWhereItIsToldAndGoesOn(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.tellSome(2)
	token := r.tokens[account]
	now := r.stream(t, token, eventsPath)
	now.expect(message{id: "6"})
	resumed := r.stream(t, token, eventsPath+"?after=1", "Last-Event-ID: 4", "Accept-Encoding: gzip")
	resumed.expect(message{id: "4"}, message{"6", "", `{"image":1}`})
	errors := r.stream(t, token, eventsPath+"?after=0&types=*.error")
	errors.expect(message{id: "0"}, message{"3", "", `{"image":0}`}, message{"6", "", `{"image":1}`})
	theirs := r.stream(t, r.tokens[other], "/ozone/v1/1002/events")
	theirs.expect(message{id: "6"})
	r.tellSome(1)
	now.expect(message{"7", "", `{"own":0}`}, message{"9", "", `{"image":0}`})
	resumed.expect(message{"7", "", `{"own":0}`}, message{"9", "", `{"image":0}`})
	errors.expect(message{"9", "", `{"image":0}`})
	theirs.expect(message{"8", "", `{"secret":1}`})
}

func TestAStreamEndsWithItsToken(t *testing.T) {
	t.Parallel()
	r, ahead := aheadRig(t)
	r.tellSome(1)
	s := r.stream(t, r.login("/", "demo", "key-of-demo").header.Get("X-Auth-Token"), eventsPath+"?after=0")
	s.expect(message{id: "0"}, message{"1", "", `{"own":0}`}, message{"3", "", `{"image":0}`})
	r.rotate("demo")
	ahead.Store(int64(5*time.Second + time.Millisecond))
	r.tellSome(1)
	if m, err := s.next(); !errors.Is(err, io.EOF) {
		t.Errorf("5 s after its key was rotated a stream has %+v, %v, want its end", m, err)
	}
}

// TestEveryWatcherSeesEveryEventOnce opens streams in the middle of a flow of events, each behind another one.
func TestEveryWatcherSeesEveryEventOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	const events, streams = 2000, 20
	ref := schemas.ServerID(12).Ref()
	wrote := make(chan struct{})
	go func() {
		defer close(wrote)
		for i := range events {
			r.rows.tell(account, ref, "x", itoa(i))
		}
	}()
	for k := range streams {
		s := r.stream(t, r.tokens[account], eventsPath+"?after="+itoa(k))
		s.expect(message{id: itoa(k)})
		for i := k; i < events; i++ {
			if k%2 == 0 && i > k+50 {
				_ = s.conn.Close()
				break
			}
			s.expect(message{itoa(i + 1), "", itoa(i)})
		}
	}
	<-wrote
}

// TestAStreamThatBeginsWhileTheLogIsReadMissesNothing has an event written after a stream has looked at the log, and before a
// reading begins that did not know of the stream.
func TestAStreamThatBeginsWhileTheLogIsReadMissesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	theirs := r.stream(t, r.tokens[other], "/ozone/v1/1002/events")
	theirs.expect(message{id: "0"})
	r.rows.tell(other, schemas.ServerID(13).Ref(), "x", "1")
	theirs.expect(message{"1", "", "1"}) // it comes from the shared reader, or the next one does
	began, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	r.rows.mu.Lock()
	r.rows.reading = func() { once.Do(func() { close(began) }); <-goOn }
	r.rows.mu.Unlock()
	<-began
	own := r.stream(t, r.tokens[account], eventsPath+"?after=0")
	own.expect(message{id: "0"})
	r.rows.tell(account, schemas.ServerID(12).Ref(), "x", "2")
	r.rows.tell(other, schemas.ServerID(13).Ref(), "x", "3")
	close(goOn)
	theirs.expect(message{"3", "", "3"})
	own.expect(message{"2", "", "2"})
}

// TestAStreamThatWantsNothingLives hears of nothing that happens, and moves on all the same.
func TestAStreamThatWantsNothingLives(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it waits for a sign of life")
	}
	r := newRig(t, nil)
	s := r.stream(t, r.tokens[account], eventsPath+"?types=none")
	s.expect(message{id: "0"})
	heard, told := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(told)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				r.rows.tell(account, schemas.ServerID(12).Ref(), "x", "1")
			case <-heard:
				return
			}
		}
	}()
	if m, err := s.next(); err != nil || m.data != "" || len(m.id) < 3 {
		t.Errorf("the stream has %+v, %v, want a place behind 100 events or more", m, err)
	}
	close(heard)
	<-told
}

func TestASlowReaderIsToldToComeAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	s := r.stream(t, r.tokens[account], eventsPath)
	s.expect(message{id: "0"})
	quick := r.stream(t, r.tokens[account], eventsPath+"?types=last")
	quick.expect(message{id: "0"})
	for n := range 2 { // the first one may come from the log itself, where nobody can be too slow
		r.rows.tell(account, schemas.ServerID(12).Ref(), "ozone.last", "1")
		s.expect(message{itoa(n + 1), "", "1"})
		quick.expect(message{itoa(n + 1), "", "1"})
	}
	filler := strings.Repeat("x", 16<<10)
	for i := range 6000 {
		r.rows.tell(account, schemas.ServerID(12).Ref(), "x", fmt.Sprintf(`"%d %s"`, i, filler))
	}
	r.rows.tell(account, schemas.ServerID(12).Ref(), "ozone.last", "1")
	m, err := quick.next()
	for err == nil && m.data == "" { // a sign of life, where this takes long
		m, err = quick.next()
	}
	if want := (message{"6003", "", "1"}); err != nil || m != want { // all of them have been read for the streams
		t.Fatalf("the stream has %+v, %v, want %+v", m, err, want)
	}
	last := 2
	for {
		m, err := s.next()
		if err != nil {
			t.Fatalf("the stream ended without a word: %v, behind event %d", err, last)
		}
		if m.name == "resync" {
			if want := fmt.Sprintf(`{"reason":"slow","cursor":"%d"}`, last); m.data != want {
				t.Errorf("the notice is %s, want %s", m.data, want)
			}
			break
		}
		if m.data == "" {
			continue
		}
		if last++; m.id != itoa(last) {
			t.Fatalf("event %s follows event %d", m.id, last-1)
		}
	}
	if m, err := s.next(); !errors.Is(err, io.EOF) {
		t.Errorf("behind the notice there is %+v, %v", m, err)
	}
	r.stream(t, r.tokens[account], eventsPath, "Last-Event-ID: "+itoa(last)).expect(message{id: itoa(last)})
}

func TestALogThatIsAnotherOneEndsStreams(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.tellSome(1)
	s := r.stream(t, r.tokens[account], eventsPath)
	s.expect(message{id: "3"})
	r.tellSome(1)
	s.expect(message{"4", "", `{"own":0}`}, message{"6", "", `{"image":0}`})
	r.rows.mu.Lock()
	r.rows.forgotten = 100
	r.rows.mu.Unlock()
	if m, err := s.next(); err != nil || m.name != "resync" || !strings.Contains(m.data, `"gone"`) {
		t.Errorf("the stream has %+v, %v, want a notice", m, err)
	}
}

func TestAStopEndsStreams(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	s := r.stream(t, r.tokens[account], eventsPath)
	s.expect(message{id: "0"})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := r.server.Shutdown(ctx); err != nil {
		t.Fatalf("Shutdown with an open stream = %v", err)
	}
	if m, err := s.next(); !errors.Is(err, io.EOF) {
		t.Errorf("the stream has %+v, %v, want its end", m, err)
	}
}

func TestHistoryShowsAServerAsItWas(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	ref := schemas.ServerID(12).Ref()
	for _, data := range []string{
		`{"server":{"id":12,"status":"BUILD"}}`, `{"server":{"id":12,"status":"ACTIVE"},"before":{"status":"BUILD"}}`, `{"server":null}`,
	} {
		r.rows.tell(account, ref, "x", `{"data":`+data+`}`)
	}
	path := "/ozone/v1/1001/servers/12/history"
	for query, want := range map[string]string{
		"?at=0": `{"server":{"id":12,"status":"BUILD"}}`, "?at=1970-01-01T00:00:01.5Z": `{"server":{"id":12,"status":"ACTIVE"}}`,
		"?after=1&limit=1": `{"history":[{"data":{"server":{"id":12,"status":"ACTIVE"},"before":{"status":"BUILD"}}}]}`,
	} {
		if res := r.do("GET", path+query, ""); res.status != http.StatusOK || res.body != want {
			t.Errorf("GET %s = %d %s, want %s", query, res.status, res.body, want)
		}
	}
	for p, want := range map[string]int{
		path + "?at=2": 404, path + "?at=x": 400, path + "?after=x": 400, path + "?after=9": 200, "/ozone/v1/1001/servers/13/history": 404,
		"/ozone/v1/1001/servers/13/history?at=1": 404,
	} {
		if res := r.do("GET", p, ""); res.status != want {
			t.Errorf("GET %s = %d %s, want %d", p, res.status, res.body, want)
		}
	}
	r.rows.log = r.rows.log[1:] // the first one is not kept any more
	res := r.do("GET", path+"?at=0", "")
	var got struct{ Server schemas.ServerView }
	if err := json.Unmarshal([]byte(res.body), &got); err != nil || got.Server.Status != schemas.StatusBuild || got.Server.ID != 12 {
		t.Errorf("GET before what is kept = %d %s, want what the first event found", res.status, res.body)
	}
}

func TestEventsOfAnOperation(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	const id, another = "019b7d2e-5f00-7000-8000-000000000001", "019b7d2e-5f00-7000-8000-000000000002"
	r.rows.putOperation(storage.OperationRow{Operation: schemas.Operation{
		ID: id, Account: account, State: schemas.OperationRunning, Target: schemas.ServerID(12).Ref(), Created: time.Unix(60, 0),
	}})
	for _, op := range []string{id, another, id} {
		r.rows.tell(account, schemas.ServerID(12).Ref(), "x", `{"correlationid":"`+op+`"}`)
	}
	const want = `{"events":[{"correlationid":"` + id + `"},{"correlationid":"` + id + `"}]}`
	if res := r.do("GET", "/ozone/v1/1001/operations/"+id+"/events", ""); res.status != http.StatusOK || res.body != want {
		t.Errorf("GET = %d %s, want %s", res.status, res.body, want)
	}
	if res := r.do("GET", "/ozone/v1/1001/operations/"+another+"/events", ""); res.status != http.StatusNotFound {
		t.Errorf("GET of an operation that is not there = %d", res.status)
	}
}

func TestAnOperationIsFollowedToItsEnd(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	const id = "019b7d2e-5f00-7000-8000-000000000001"
	row := storage.OperationRow{Operation: schemas.Operation{
		ID: id, Account: account, Action: schemas.ServerReboot, State: schemas.OperationRunning, Target: schemas.ServerID(12).Ref(), Step: schemas.StepRestartSoft,
		Attempt: 1, Created: time.Unix(60, 0),
	}}
	r.rows.putOperation(row)
	path := "/ozone/v1/1001/operations/" + id
	s := r.stream(t, r.tokens[account], path)
	shows := func() {
		t.Helper()
		s.expect(message{data: r.do("GET", path, "").body})
	}
	shows()
	row.Attempt = 2
	r.rows.putOperation(row)
	shows()
	row.State, row.Step = schemas.OperationSucceeded, ""
	r.rows.putOperation(row)
	shows()
	if m, err := s.next(); !errors.Is(err, io.EOF) {
		t.Errorf("behind the end there is %+v, %v", m, err)
	}
	if res := r.as(r.tokens[other], "GET", "/ozone/v1/1002/operations/"+id, "", "Accept: text/event-stream"); res.status != http.StatusNotFound {
		t.Errorf("another account's = %d %s, want 404", res.status, res.body)
	}
}
