package ozone

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/ozonecloud/ozone/schemas"
)

// The files of a data directory.
const (
	lockFile   = "lock"
	storeFile  = "ozone.db"
	secretFile = "secret.key"
	demoFile   = "demo.key"
	socketFile = "admin.sock"
	ledgerFile = "ledger"
	hostsDir   = "hosts"
	// numbersFile has the numbers of the hosts whose machines are in hostsDir.
	numbersFile = "hosts.json"
	// markFile has how far this process has seen a shared store come.
	markFile = "store.mark"
)

// InUseError says that another process has the data directory.
type InUseError struct {
	Dir string
	PID string // "" when it is not known
}

// Error says who has it and what to do.
func (e *InUseError) Error() string {
	who := "another process"
	if e.PID != "" {
		who = "process " + e.PID
	}
	return fmt.Sprintf("data directory %s is in use by %s: stop that one, or give this one another directory with --data", e.Dir, who)
}

// dataDir is a directory that this process has for itself.
type dataDir struct {
	path string
	lock *os.File // holds the lock while it is open
}

// openDir makes the directory when it is not there and locks it. The lock ends with the process, however it dies.
func openDir(path string) (*dataDir, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("open data directory: %w: give another one with --data", err)
	}
	if err := private(path); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(path, lockFile), os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the operator chose the directory
	if err != nil {
		return nil, fmt.Errorf("open data directory: %w: let this user write it, or give another one with --data", err)
	}
	if err := takeLock(f, path); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &dataDir{path: path, lock: f}, nil
}

// private refuses a directory into which others can put files that this process would trust.
func private(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("open data directory: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 {
		return fmt.Errorf("data directory %s can be written by others (mode %04o): run chmod 700 %s, or give another one with --data", path, mode, path)
	}
	return nil
}

func takeLock(f *os.File, path string) error {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		pid, _ := os.ReadFile(f.Name()) // only for the message
		return &InUseError{Dir: path, PID: strings.TrimSpace(string(pid))}
	}
	if err != nil {
		return fmt.Errorf("lock data directory %s: %w", path, err)
	}
	if err := f.Truncate(0); err != nil {
		return fmt.Errorf("lock data directory %s: %w", path, err)
	}
	if _, err := fmt.Fprintln(f, os.Getpid()); err != nil {
		return fmt.Errorf("lock data directory %s: %w", path, err)
	}
	return nil
}

func (d *dataDir) file(name string) string { return filepath.Join(d.path, name) }

// mark is how far a process on this directory has seen a shared store come; "" when nobody has noted it. It is a help: one that
// cannot be read is none.
func (d *dataDir) mark() string {
	text, err := os.ReadFile(d.file(markFile))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// Close gives the directory back.
func (d *dataDir) Close() error { return d.lock.Close() }

// secret reads the key of the sealer, from the operator's file or from the one that is made once, when a new one can be right.
// A store without its key is refused: what it holds sealed could never be delivered.
func (d *dataDir) secret(operators string, mayMake bool) (*schemas.Sealer, error) {
	path := operators
	if path == "" {
		path = d.file(secretFile)
		if !mayMake && !exists(path) {
			return nil, errors.New("this process has the role host alone: name the cloud's secret key with --secret-key-file, the same for all processes")
		}
		if err := d.makeSecret(path); err != nil {
			return nil, err
		}
	}
	text, err := os.ReadFile(path) //nolint:gosec // the operator chose it
	if err != nil {
		return nil, fmt.Errorf("read secret key: %w", err)
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != schemas.SealKeySize {
		return nil, fmt.Errorf("secret key %s: want %d hex digits", path, 2*schemas.SealKeySize)
	}
	return schemas.NewSealer(key)
}

func (d *dataDir) makeSecret(path string) error {
	if exists(path) {
		return nil
	}
	if exists(d.file(storeFile)) {
		return fmt.Errorf("secret key %s is gone, but the store %s that needs it is there: "+
			"put the file back, or name another place with --secret-key-file", path, d.file(storeFile))
	}
	key := make([]byte, schemas.SealKeySize)
	if _, err := rand.Read(key); err != nil {
		return fmt.Errorf("make secret key: %w", err)
	}
	return writeWhole(path, hex.EncodeToString(key)+"\n")
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR)
}

// writeWhole makes or replaces a file with mode 0600: it is there whole or not at all, and outlives a loss of power.
func writeWhole(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return fmt.Errorf("make %s: %w", path, err)
	}
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("make %s: %w", path, err), os.Remove(f.Name()))
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("make %s: %w", path, err)
	}
	return nil
}

// syncDir makes the names in a directory outlive a loss of power.
func syncDir(path string) error {
	d, err := os.Open(path) //nolint:gosec // the operator chose it
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// newKey is an API key: 256 random bits as text.
func newKey() (string, error) {
	b := make([]byte, 32)
	if _, err := rand.Read(b); err != nil {
		return "", fmt.Errorf("make API key: %w", err)
	}
	return hex.EncodeToString(b), nil
}
