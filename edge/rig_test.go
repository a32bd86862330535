package edge_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ozonecloud/ozone/bus"
	"github.com/ozonecloud/ozone/bus/inproc"
	"github.com/ozonecloud/ozone/edge"
	"github.com/ozonecloud/ozone/edge/events"
	"github.com/ozonecloud/ozone/edge/operations"
	"github.com/ozonecloud/ozone/edge/servers"
	"github.com/ozonecloud/ozone/edge/subscriptions"
	v10 "github.com/ozonecloud/ozone/edge/v10"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// The tenants of every rig: 1001 is the one that tests speak for.
const (
	account = schemas.AccountID(1001)
	other   = schemas.AccountID(1002)
)

// rig is an edge on a loopback port with a real bus, rows that the test puts there and an engine that answers as the test says.
type rig struct {
	tb     testing.TB
	addr   string
	server *edge.Server
	rows   *rows
	log    *logBuffer
	tokens map[schemas.AccountID]string

	mu       sync.Mutex
	answer   func(cmd *schemas.Command) *schemas.Answer // guarded by mu; nil answer: silence
	commands []*schemas.Command                         // guarded by mu
	dry      bool                                       // the last one is to be tried only; guarded by mu
}

func newRig(tb testing.TB, change func(*edge.Config)) *rig {
	tb.Helper()
	b := inproc.New(inproc.Config{})
	r := &rig{tb: tb, rows: newRows(), log: &logBuffer{}, tokens: map[schemas.AccountID]string{}}
	r.accept()
	r.startEngine(b)
	sealer, err := schemas.NewSealer(bytes.Repeat([]byte{7}, schemas.SealKeySize))
	if err != nil {
		tb.Fatal(err)
	}
	c := edge.Config{
		ID: "e1", Bus: b, Reader: r.rows, Events: r.rows, Tokens: r.rows, Limits: r.rows, Backups: r.rows, Sealer: sealer, Now: time.Now,
		Log:       slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		PublicURL: "http://cloud.example:8774/", Modules: []edge.Module{v10.New(), operations.New(), events.New(), servers.New(), subscriptions.New(), v10.NewStrict()},
		Metrics: func(w io.Writer) error { _, err := io.WriteString(w, "ozone_up 1\n"); return err },
	}
	if change != nil {
		change(&c)
	}
	if r.server, err = edge.New(c); err != nil {
		tb.Fatal(err)
	}
	ln, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	r.addr = ln.Addr().String()
	served := make(chan error, 1)
	go func() { served <- r.server.Serve(ln) }()
	tb.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := r.server.Shutdown(ctx); err != nil {
			tb.Errorf("Shutdown: %v", err)
		}
		if err := <-served; err != nil {
			tb.Errorf("Serve: %v", err)
		}
		_ = b.Close()
	})
	r.tokens[account] = r.rows.addUser("demo", account)
	r.tokens[other] = r.rows.addUser("other", other)
	return r
}

// startEngine consumes the shards of both tenants until the bus is closed.
func (r *rig) startEngine(b bus.Bus) {
	r.tb.Helper()
	for _, shard := range []schemas.Shard{schemas.ShardOf(account), schemas.ShardOf(other)} {
		queue := bus.ShardQueue(shard)
		if err := b.Declare(context.Background(), queue); err != nil {
			r.tb.Fatal(err)
		}
		c, err := b.Consume(context.Background(), queue, 64)
		if err != nil {
			r.tb.Fatal(err)
		}
		go func() {
			for d := range c.Deliveries() {
				r.decide(b, d)
				c.Ack(d.Tag)
			}
		}()
	}
}

func (r *rig) decide(b bus.Bus, d bus.Delivery) {
	m, err := schemas.DecodeMessage(d.Type, d.Body)
	if err != nil {
		r.tb.Errorf("DecodeMessage: %v", err)
		return
	}
	cmd, _ := m.(*schemas.Command)
	dry, _ := m.(*schemas.DryRun)
	if dry != nil {
		cmd = &dry.Command
	}
	r.mu.Lock()
	r.dry = dry != nil
	r.commands = append(r.commands, cmd)
	answer := r.answer
	r.mu.Unlock()
	a := answer(cmd)
	if a == nil {
		return
	}
	body, _ := json.Marshal(a)
	_ = b.Publish(context.Background(), d.ReplyTo, bus.Message{
		ID: "answer/" + d.ID, Type: schemas.TypeAnswer, CorrelationID: d.ID, Body: body,
	}, func(error) {})
}

// answers makes the engine answer every command with what f says.
func (r *rig) answers(f func(cmd *schemas.Command) *schemas.Answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = f
}

const rendered = `{"id":12,"name":"web","imageId":1,"flavorId":2,"hostId":"","status":"BUILD","progress":0,"addresses":{"public":["198.18.0.1"],"private":["10.0.0.1"]},"metadata":{}}`

// accept makes the engine accept everything.
func (r *rig) accept() {
	r.answers(func(cmd *schemas.Command) *schemas.Answer {
		return &schemas.Answer{V: 1, Operation: cmd.ID, Target: schemas.ServerID(12).Ref(), Representation: []byte(rendered)}
	})
}

func (r *rig) last() *schemas.Command {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.commands) == 0 {
		return nil
	}
	return r.commands[len(r.commands)-1]
}

// tried tells whether the last command was to be tried only.
func (r *rig) tried() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.dry
}

// response is an answer as it came over the wire.
type response struct {
	status int
	header http.Header
	raw    string // status line and header lines as they came
	body   string
}

// raw sends text on a new connection and reads one answer; status 0: the connection was closed without one.
func (r *rig) raw(text string) response {
	r.tb.Helper()
	c := r.dial()
	defer func() { _ = c.Close() }()
	_, _ = io.WriteString(c, text) // the server may answer and close before it has read everything
	return r.read(c, text)
}

func (r *rig) dial() net.Conn {
	r.tb.Helper()
	c, err := new(net.Dialer).DialContext(context.Background(), "tcp", r.addr)
	if err != nil {
		r.tb.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return c
}

func (r *rig) read(c net.Conn, request string) response {
	r.tb.Helper()
	var seen bytes.Buffer
	method, _, _ := strings.Cut(request, " ")
	res, err := http.ReadResponse(bufio.NewReader(io.TeeReader(c, &seen)), &http.Request{Method: method})
	if err != nil {
		return response{}
	}
	body, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil {
		r.tb.Errorf("body of the answer to %.80q: %v", request, err)
	}
	head, _, _ := strings.Cut(seen.String(), "\r\n\r\n")
	return response{res.StatusCode, res.Header, head, string(body)}
}

// do sends one request of tenant 1001. Each header is a line.
func (r *rig) do(method, path, body string, headers ...string) response {
	r.tb.Helper()
	return r.as(r.tokens[account], method, path, body, headers...)
}

// as sends one request with a token; "" sends none.
func (r *rig) as(token, method, path, body string, headers ...string) response {
	r.tb.Helper()
	lines := []string{method + " " + path + " HTTP/1.1", "Host: x", "Connection: close"}
	if token != "" {
		lines = append(lines, "X-Auth-Token: "+token)
	}
	if body != "" {
		lines = append(lines, "Content-Length: "+itoa(len(body)))
		if !slices.ContainsFunc(headers, func(h string) bool { return strings.HasPrefix(h, "Content-Type") }) {
			lines = append(lines, "Content-Type: application/json")
		}
	}
	return r.raw(strings.Join(append(lines, headers...), "\r\n") + "\r\n\r\n" + body)
}

func itoa(n int) string { return string(mustJSON(n)) }

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func newLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

// logBuffer keeps what is logged.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// rows are committed rows in memory: storage.Reader, storage.EventReader, storage.Tokens, storage.Limits and storage.Backups.
type rows struct {
	mu         sync.Mutex // guards all below
	objects    map[schemas.Ref]storage.Object
	owners     map[schemas.Ref]schemas.AccountID
	operations map[schemas.OperationID]storage.OperationRow
	keys       map[string]storage.Key
	users      map[string]storage.User
	tokens     map[string]storage.Token
	schedules  map[schemas.ServerID]schemas.BackupSchedule
	log        []storage.EventRow
	forgotten  int    // so many events are not kept any more: a cursor before is gone
	reading    func() // what a reading of several accounts waits for; nil: nothing
	fail       error  // of every call
}

func newRows() *rows {
	return &rows{
		objects: map[schemas.Ref]storage.Object{}, owners: map[schemas.Ref]schemas.AccountID{},
		operations: map[schemas.OperationID]storage.OperationRow{}, keys: map[string]storage.Key{},
		users: map[string]storage.User{}, tokens: map[string]storage.Token{}, schedules: map[schemas.ServerID]schemas.BackupSchedule{},
	}
}

// addUser makes a user whose key is "key-of-<name>" and returns a token for it.
func (s *rows) addUser(name string, owner schemas.AccountID) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := sha256.Sum256([]byte("key-of-" + name))
	s.users[name] = storage.User{Name: name, Account: owner, KeyHash: key[:], Generation: 1}
	token := "token-of-" + name
	hash := sha256.Sum256([]byte(token))
	s.tokens[string(hash[:])] = storage.Token{Hash: hash[:], User: name, Account: owner, Generation: 1, Expires: time.Now().Add(time.Hour)}
	return token
}

func (s *rows) put(owner schemas.AccountID, ref schemas.Ref, name, form string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.owners[ref] = owner
	s.objects[ref] = storage.Object{ID: ref.ID, Name: name, Rendered: []byte(form), Updated: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
}

func (s *rows) putOperation(row storage.OperationRow) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.operations[row.ID] = row
}

func (s *rows) Object(_ context.Context, kind schemas.ActorKind, a schemas.AccountID, id int64) (storage.Object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ref := schemas.Ref{Kind: kind, ID: id}
	if s.fail != nil {
		return storage.Object{}, s.fail
	}
	if owner, ok := s.owners[ref]; !ok || owner != 0 && owner != a {
		return storage.Object{}, storage.ErrNotFound
	}
	return s.objects[ref], nil
}

func (s *rows) Objects(_ context.Context, kind schemas.ActorKind, a schemas.AccountID, f storage.ObjectFilter) ([]storage.Object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return nil, s.fail
	}
	var list []storage.Object
	for ref, o := range s.objects {
		if ref.Kind == kind && (s.owners[ref] == a || s.owners[ref] == 0) && !o.Updated.Before(f.Since) {
			list = append(list, o)
		}
	}
	slices.SortFunc(list, func(a, b storage.Object) int { return int(a.ID - b.ID) })
	list = list[min(f.Offset, len(list)):]
	return list[:min(f.Limit, len(list))], nil
}

func (s *rows) Operation(_ context.Context, a schemas.AccountID, id schemas.OperationID) (storage.OperationRow, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return storage.OperationRow{}, s.fail
	}
	row, ok := s.operations[id]
	if !ok || row.Account != a {
		return storage.OperationRow{}, storage.ErrNotFound
	}
	return row, nil
}

func (s *rows) Operations(_ context.Context, a schemas.AccountID, f storage.OperationFilter) ([]storage.OperationRow, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return nil, s.fail
	}
	var list []storage.OperationRow
	for _, row := range s.operations {
		after := f.After == "" || row.ID < f.After
		server := f.Server == 0 || row.Target == f.Server.Ref()
		if row.Account == a && after && server && (f.State == "" || row.State == f.State) {
			list = append(list, row)
		}
	}
	slices.SortFunc(list, func(a, b storage.OperationRow) int { return strings.Compare(string(b.ID), string(a.ID)) })
	return list[:min(f.Limit, len(list))], nil
}

func (s *rows) Key(_ context.Context, a schemas.AccountID, hash []byte) (storage.Key, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return storage.Key{}, s.fail
	}
	k, ok := s.keys[string(hash)]
	if !ok || k.Account != a {
		return storage.Key{}, storage.ErrNotFound
	}
	return k, nil
}

func (s *rows) Flavors(context.Context) ([]schemas.Flavor, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return nil, s.fail
	}
	return schemas.DefaultFlavors(), nil
}

func (s *rows) User(_ context.Context, name string) (storage.User, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return storage.User{}, s.fail
	}
	u, ok := s.users[name]
	if !ok {
		return storage.User{}, storage.ErrNotFound
	}
	return u, nil
}

func (s *rows) SaveToken(_ context.Context, t storage.Token) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return s.fail
	}
	s.tokens[string(t.Hash)] = t
	return nil
}

func (s *rows) TokenByHash(_ context.Context, hash []byte) (storage.Token, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return storage.Token{}, s.fail
	}
	t, ok := s.tokens[string(hash)]
	if !ok || s.users[t.User].Generation != t.Generation {
		return storage.Token{}, storage.ErrNotFound
	}
	return t, nil
}

func (s *rows) Account(_ context.Context, id schemas.AccountID) (schemas.Account, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return schemas.Account{ID: id, RAMLimitMiB: schemas.DefaultRAMLimitMiB}, s.fail
}

func (s *rows) BackupSchedule(ctx context.Context, a schemas.AccountID, id schemas.ServerID) (schemas.BackupSchedule, error) {
	_, err := s.Object(ctx, schemas.ActorServer, a, int64(id))
	s.mu.Lock()
	defer s.mu.Unlock()
	if schedule, ok := s.schedules[id]; ok {
		return schedule, err
	}
	return schemas.NoBackups(), err
}

// CountRequest has room for everything.
func (s *rows) CountRequest(context.Context, schemas.AccountID, schemas.RateLimits) ([]storage.RateWindow, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return nil, s.fail
}

func (s *rows) UncountRequest(context.Context, schemas.AccountID, []storage.RateWindow) error {
	return nil
}

// RateWindows has all rules in windows that end in 2100.
func (s *rows) RateWindows(context.Context, schemas.AccountID) ([]storage.RateWindow, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []storage.RateWindow
	for i, rule := range schemas.RateRules() {
		list = append(list, storage.RateWindow{Rule: rule, Used: int64(2 * i), Until: time.Date(2100, 1, 2, 3, 4, 5, 0, time.UTC)})
	}
	return list, s.fail
}
