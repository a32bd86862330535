package edge_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/ozonecloud/ozone/bus/inproc"
	"github.com/ozonecloud/ozone/edge"
	v10 "github.com/ozonecloud/ozone/edge/v10"
	"github.com/ozonecloud/ozone/schemas"
)

func ExampleNew() {
	sealer, _ := schemas.NewSealer(bytes.Repeat([]byte{7}, schemas.SealKeySize))
	store := newRows() // a storage.Store in earnest
	s, err := edge.New(edge.Config{
		ID: "edge-1", Bus: inproc.New(inproc.Config{}), Reader: store, Events: store, Tokens: store, Limits: store, Backups: store, Sealer: sealer,
		Now: time.Now, Log: slog.New(slog.DiscardHandler), PublicURL: "http://127.0.0.1:8774",
		Modules: []edge.Module{v10.New()},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ln, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	go func() { _ = s.Serve(ln) }()
	res, err := http.Get("http://" + ln.Addr().String() + "/")
	if err != nil {
		fmt.Println(err)
		return
	}
	body, _ := io.ReadAll(res.Body)
	_ = res.Body.Close()
	fmt.Println(res.StatusCode, string(body))
	http.DefaultClient.CloseIdleConnections()
	fmt.Println(s.Shutdown(context.Background()))
	// Output:
	// 200 {"versions":[{"status":"CURRENT","id":"v1.0"}]}
	// <nil>
}
