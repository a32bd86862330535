package sqlite_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage/sqlite"
)

func ExampleOpen() {
	dir, err := os.MkdirTemp("", "ozone-*")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ctx := context.Background()
	store, err := sqlite.Open(ctx, sqlite.Config{Path: filepath.Join(dir, "ozone.db"), Now: time.Now})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = store.Close() }()
	account, err := store.CreateAccount(ctx, schemas.Account{Name: "demo"}, "demo", []byte("the key's SHA-256"))
	fmt.Println(account, err)
	// Output: 1001 <nil>
}
