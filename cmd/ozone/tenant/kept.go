package tenant

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/mattn/go-isatty"

	"github.com/ozonecloud/ozone/client"
)

// login is who asks and where, as the file login.json keeps it.
type login struct {
	URL  string `json:"url"`
	User string `json:"user"`
	Key  string `json:"key"`
}

// orKept is the login itself or, when nothing was given, the one that ozone login kept. The two are not mixed: the key of
// one cloud must not be sent to another.
func (l login) orKept() (login, error) {
	if l.User != "" && l.Key != "" {
		return l.withURL(), nil
	}
	var kept login
	if err := readFile("login.json", &kept); errors.Is(err, fs.ErrNotExist) {
		return l, &problem{error: errors.New("nobody is logged in"), code: exitLogin, advice: "Log in with ozone login, or give --user and --key."}
	} else if err != nil {
		return l, err
	}
	if l.URL != "" && l.URL != kept.URL || l.User != "" && l.User != kept.User || l.Key != "" && l.Key != kept.Key {
		return l, usage("only a part of --url, --user and --key is given, and it is not that of the last ozone login", "Give user and key together.")
	}
	return kept, nil
}

// complete is the login with its default URL, and with the key from in when none was given.
func (l login) complete(in io.Reader) (login, error) {
	if l.User == "" {
		return l, usage("the user's name is missing", "Give --user or OZONE_USER.")
	}
	if l.Key == "" {
		if f, ok := in.(*os.File); ok && isatty.IsTerminal(f.Fd()) {
			return l, usage("the key is missing", "Give --key, OZONE_KEY, or the key on standard input.")
		}
		text, err := io.ReadAll(io.LimitReader(in, 1<<10)) // longer than any key
		if err != nil {
			return l, fmt.Errorf("read the key: %w", err)
		}
		if l.Key = strings.TrimSpace(string(text)); l.Key == "" {
			return l, usage("the key is missing", "Give --key, OZONE_KEY, or the key on standard input.")
		}
	}
	return l.withURL(), nil
}

func (l login) withURL() login {
	if l.URL == "" {
		l.URL = defaultURL
	}
	return l
}

// keep writes the login to its file, which it names.
func (l login) keep() (path string, err error) { return writeFile("login.json", l) }

// tokenFile is the token of a login between two commands. It is a cache: without it each command logs in.
type tokenFile struct {
	For     string         `json:"for"` // which login: a digest of it
	Session client.Session `json:"session"`
}

// tokens is the token of the login, if there is one.
func tokens(l login) tokenFile {
	sum := sha256.Sum256([]byte(l.URL + "\n" + l.User + "\n" + l.Key))
	t := tokenFile{}
	if err := readFile("token.json", &t); err != nil || t.For != hex.EncodeToString(sum[:]) {
		return tokenFile{For: hex.EncodeToString(sum[:])}
	}
	return t
}

func (t tokenFile) session() client.Session { return t.Session }

// keep keeps a new token for the next command.
func (t tokenFile) keep(s client.Session) {
	t.Session = s
	_, _ = writeFile("token.json", t) // without a place to keep it the next command logs in again
}

// readFile reads a file of the user's configuration.
func readFile(name string, v any) error {
	path, err := pathOf(name)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(path) //nolint:gosec // the user's own directory
	if err != nil {
		return fmt.Errorf("read what ozone login kept: %w", err)
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("%s is damaged, log in again: %w", path, err)
	}
	return nil
}

// writeFile writes a file of the user's configuration whole, for the user alone.
func writeFile(name string, v any) (string, error) {
	path, err := pathOf(name)
	if err != nil {
		return "", err
	}
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return "", fmt.Errorf("keep login: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("keep login: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), name) // mode 0600
	if err != nil {
		return "", fmt.Errorf("keep login: %w", err)
	}
	_, err = f.Write(append(text, '\n'))
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return "", errors.Join(fmt.Errorf("keep login: %w", err), os.Remove(f.Name()))
	}
	return path, nil
}

func pathOf(name string) (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("find the user's configuration: %w", err)
	}
	return filepath.Join(dir, "ozone", name), nil
}
