package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/jmoiron/sqlx"
	sqlite3 "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"
)

// fileHeader is how every SQLite database begins.
var fileHeader = []byte("SQLite format 3\x00")

// checkFile finds out what SQLite would say in fewer words: no directory, no right to write, not a database.
func checkFile(path string, readOnly bool) error {
	dir := filepath.Dir(path)
	if info, err := os.Stat(dir); err != nil {
		return fmt.Errorf("open store %s: %w; make the directory %s first", path, err, dir)
	} else if !info.IsDir() {
		return fmt.Errorf("open store %s: %s is not a directory", path, dir)
	}
	flags := os.O_RDWR | os.O_CREATE
	if readOnly {
		flags = os.O_RDWR // also a reader writes: the shared memory beside the file
	}
	f, err := os.OpenFile(path, flags, 0o600) //nolint:gosec // the path is the operator's to choose
	if err != nil {
		return fmt.Errorf("open store: %w; give this user the right to write %s and its directory, or choose another directory", err, path)
	}
	defer func() { _ = f.Close() }() // nothing was written
	head := make([]byte, len(fileHeader))
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("open store: %w", err)
	}
	if n > 0 && !bytes.Equal(head, fileHeader) {
		return fmt.Errorf("open store: %s is not a database; move it away and put a backup in its place, or start with an empty directory", path)
	}
	return checkWritable(dir)
}

// checkWritable makes and removes a file: the log lies beside the database.
func checkWritable(dir string) error {
	f, err := os.CreateTemp(dir, ".ozone-*")
	if err != nil {
		return fmt.Errorf("open store: %w; give this user the right to write the directory %s", err, dir)
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// quickCheckPages is up to how many pages a store is checked whole when it is opened: about 0.1 s.
const quickCheckPages = 32 << 20 / pageSize

// quickCheck finds damage. A big store shows it at the first read of what is damaged.
func quickCheck(ctx context.Context, db *sqlx.DB) error {
	var pages int
	if err := db.GetContext(ctx, &pages, `PRAGMA page_count`); err != nil {
		return err
	}
	if pages > quickCheckPages {
		return nil
	}
	var found string
	if err := db.GetContext(ctx, &found, `PRAGMA quick_check(1)`); err != nil {
		return err
	}
	if found != "ok" {
		return damagedError{errors.New(strings.TrimSpace(found))}
	}
	return nil
}

// damagedError is damage that SQLite has found.
type damagedError struct{ err error }

// Error says what is wrong and what to do.
func (e damagedError) Error() string {
	return fmt.Sprintf("the database is damaged (%v); stop Ozone, keep a copy of the file and its -wal, and put a backup in their place", e.err)
}

// Unwrap is what SQLite said.
func (e damagedError) Unwrap() error { return e.err }

// explain adds to an error of SQLite what its operator can do about it.
func explain(err error) error {
	if _, done := errors.AsType[damagedError](err); done {
		return err
	}
	switch code(err) {
	case codes.SQLITE_NOTADB, codes.SQLITE_CORRUPT:
		return damagedError{err}
	case codes.SQLITE_FULL:
		return fmt.Errorf("%w; the disk is full: make room, nothing that was accepted is lost", err)
	case codes.SQLITE_BUSY:
		return fmt.Errorf("%w; another process writes this store: stop it", err)
	case codes.SQLITE_READONLY, codes.SQLITE_CANTOPEN:
		return fmt.Errorf("%w; give this user the right to write the store's file and directory", err)
	default:
		return err
	}
}

// code is the primary result code of an error of SQLite, 0 for any other.
func code(err error) int {
	if e, ok := errors.AsType[*sqlite3.Error](err); ok {
		return e.Code() & 0xff
	}
	return codes.SQLITE_OK
}
