package sim

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// Content is what is on a disk, as far as anybody can tell two disks apart.
type Content struct {
	// Print names the history of the disk: the image's print, and each write chained onto it.
	Print string `json:"print"`
	// Files are the files that have a path of interest: of the image and from personality.
	Files []File `json:"files,omitempty"`
	// Password is the SHA-256 of the administrator's password hash; "" when none was set.
	Password string `json:"password,omitempty"`
}

// File is one file on a disk; of its contents only the hash is kept.
type File struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
	Size   int    `json:"size"`
	Mode   string `json:"mode"`
	Owner  string `json:"owner"`
}

// Equal tells whether both disks have the same on them.
func (c Content) Equal(d Content) bool {
	return c.Print == d.Print && c.Password == d.Password && slices.Equal(c.Files, d.Files)
}

// written is the content after the guest has written something.
func (c Content) written(what string) Content {
	c.Print = hash([]byte(c.Print + "|" + what))[:16]
	return c
}

// delivered is the content with the payload's files and password in it; what a file replaces is kept beside it.
func (c Content) delivered(p schemas.Payload, now time.Time) Content {
	c.Files = slices.Clone(c.Files)
	for _, f := range p.Personality {
		i := slices.IndexFunc(c.Files, func(old File) bool { return old.Path == f.Path })
		if i >= 0 {
			c.Files[i].Path += ".bak." + unixFraction(now)
		}
		c.Files = append(c.Files, File{Path: f.Path, SHA256: hash(f.Contents), Size: len(f.Contents), Mode: "0440", Owner: "root:root"})
	}
	return c.secured(p)
}

// secured is the content with the payload's password, if it has one.
func (c Content) secured(p schemas.Payload) Content {
	if p.PasswordHash != "" {
		c.Password = hash([]byte(p.PasswordHash))
	}
	return c
}

// machineKey is one copy of a server.
type machineKey struct {
	server schemas.ServerID
	copy   int
}

// machine is a copy of a server as its host stores it. Stored ones are never changed, only replaced.
type machine struct {
	Server    schemas.ServerID `json:"server"`
	Copy      int              `json:"copy"`
	On        bool             `json:"on,omitempty"`
	RAMMiB    int64            `json:"ram"`
	DiskGB    int64            `json:"disk"`
	Image     schemas.ImageID  `json:"image"`
	Content   Content          `json:"content"`
	Public    []string         `json:"public,omitempty"` // addresses that it may have
	Snapshots []snapshot       `json:"snapshots,omitempty"`
	// Did are the steps of Operation that must not be done twice and are done.
	Operation schemas.OperationID `json:"operation,omitempty"`
	Did       []string            `json:"did,omitempty"`
}

// snapshot is the disk as it was when an operation asked to freeze it.
type snapshot struct {
	Operation schemas.OperationID `json:"operation"`
	Image     schemas.ImageID     `json:"image"`
	Content   Content             `json:"content"`
}

// keepSnapshots bounds the snapshots of a machine: nobody says when a failed resize's is of no use any more.
const keepSnapshots = 4

func (m *machine) key() machineKey { return machineKey{m.Server, m.Copy} }

// did tells whether this very step was done before.
func (m *machine) did(s *schemas.Step) bool {
	return m != nil && m.Operation == s.Operation && slices.Contains(m.Did, s.ID())
}

// marked is m with the step among those that are done.
func (m machine) marked(s *schemas.Step) machine {
	if m.Operation != s.Operation {
		m.Operation, m.Did = s.Operation, nil
	}
	m.Did = append(slices.Clip(m.Did), s.ID())
	return m
}

// frozen is m with a snapshot of its disk for the operation.
func (m machine) frozen(op schemas.OperationID) machine {
	m.Snapshots = append(slices.Clone(m.Snapshots), snapshot{op, m.Image, m.Content})
	if n := len(m.Snapshots) - keepSnapshots; n > 0 {
		m.Snapshots = m.Snapshots[n:]
	}
	return m
}

// thawed is m without the operation's snapshot.
func (m machine) thawed(op schemas.OperationID) machine {
	m.Snapshots = slices.DeleteFunc(slices.Clone(m.Snapshots), func(x snapshot) bool { return x.Operation == op })
	return m
}

// snapshot is the operation's snapshot, nil without one.
func (m *machine) snapshot(op schemas.OperationID) *snapshot {
	if m == nil {
		return nil
	}
	for i := range m.Snapshots {
		if m.Snapshots[i].Operation == op {
			return &m.Snapshots[i]
		}
	}
	return nil
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// unixFraction is like 1246036261.5785. Source: API guide v1.0, server personality.
func unixFraction(t time.Time) string {
	return strconv.FormatFloat(float64(t.UnixMicro()/100)/1e4, 'f', 4, 64)
}
