package agent

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
)

// The file is fileHead and frames. A frame is what one fsync covered: frameMark, the length of its records,
// their CRC-32C, the records. A frame is begun only when the one before it is durable, so only the last can be torn.
const (
	fileHead  = "ozone ledger 1\n"
	frameMark = "\xf3LG1"
	frameHead = len(frameMark) + 8
	frameSize = 64 << 10 // of the frames of a file that is written anew
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// file is the ledger's file; one goroutine uses it.
type file struct {
	path string
	f    *os.File
	size int64 // up to here everything is durable
}

// seal fills in the head of a frame.
func seal(frame []byte) {
	body := frame[frameHead:]
	copy(frame, frameMark)
	binary.LittleEndian.PutUint32(frame[len(frameMark):], uint32(len(body))) //nolint:gosec // far below 4 GiB
	binary.LittleEndian.PutUint32(frame[len(frameMark)+4:], crc32.Checksum(body, castagnoli))
}

// unseal is the body of the frame that b begins with, nil when it is not whole.
func unseal(b []byte) []byte {
	if len(b) < frameHead || string(b[:len(frameMark)]) != frameMark {
		return nil
	}
	n := int64(binary.LittleEndian.Uint32(b[len(frameMark):]))
	sum := binary.LittleEndian.Uint32(b[len(frameMark)+4:])
	if b = b[frameHead:]; n == 0 || n > int64(len(b)) || crc32.Checksum(b[:n], castagnoli) != sum {
		return nil
	}
	return b[:n]
}

// openFile reads the file into st, cuts a torn end off and compacts.
func openFile(path string, st *state, log *slog.Logger) (*file, error) {
	f := &file{path: path}
	data, err := os.ReadFile(path) //nolint:gosec // the operator chose the path
	if errors.Is(err, fs.ErrNotExist) {
		return f, f.replace(st.image())
	}
	if err != nil {
		return nil, err
	}
	good, err := load(data, st)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if good < int64(len(data)) {
		log.Warn("ledger's torn end cut off", "file", path, "bytes", int64(len(data))-good)
	}
	if st.records > 2*st.live {
		return f, f.replace(st.image())
	}
	if f.f, err = os.OpenFile(path, os.O_RDWR, 0o600); err != nil { //nolint:gosec // the operator chose the path
		return nil, err
	}
	f.size = good
	return f, errors.Join(f.f.Truncate(good), f.f.Sync())
}

// load applies every record and returns where the whole frames end.
func load(data []byte, st *state) (int64, error) {
	if !bytes.HasPrefix(data, []byte(fileHead)) {
		return 0, errors.New("not a ledger that this release can read; restore the file, or move it away once every server of its hosts is fenced")
	}
	at := len(fileHead)
	for at < len(data) {
		body := unseal(data[at:])
		if body == nil {
			if later := nextFrame(data, at+1); later >= 0 {
				return 0, fmt.Errorf("damaged at byte %d, with whole records from byte %d on; restore the file, "+
					"or move it away once every server of its hosts is fenced", at, later)
			}
			break
		}
		if err := readRecords(body, st.apply); err != nil {
			return 0, fmt.Errorf("frame at byte %d: %w", at, err)
		}
		at += frameHead + len(body)
	}
	return int64(at), nil
}

// nextFrame is where a whole frame begins at or after from; -1 when none does.
func nextFrame(data []byte, from int) int {
	for from < len(data) {
		i := bytes.Index(data[from:], []byte(frameMark))
		if i < 0 {
			return -1
		}
		if from += i; unseal(data[from:]) != nil {
			return from
		}
		from++
	}
	return -1
}

// append makes one frame durable. After an error the same frame may be tried again: it goes to the same place.
func (f *file) append(frame []byte) error {
	seal(frame)
	if _, err := f.f.WriteAt(frame, f.size); err != nil {
		return err
	}
	if err := f.f.Sync(); err != nil {
		return err
	}
	f.size += int64(len(frame))
	return nil
}

// replace puts a new file in the old one's place; after an error the old one is there as it was.
func (f *file) replace(image []byte) error {
	next, err := os.OpenFile(f.path+".new", os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if err := swap(next, f.path, image); err != nil {
		return errors.Join(err, next.Close())
	}
	old := f.f
	f.f, f.size = next, int64(len(image))
	if old != nil {
		_ = old.Close() // its name is gone, and everything in it was durable
	}
	return syncDir(filepath.Dir(f.path))
}

func swap(next *os.File, path string, image []byte) error {
	if _, err := next.Write(image); err != nil {
		return err
	}
	if err := next.Sync(); err != nil {
		return err
	}
	return os.Rename(next.Name(), path)
}

func (f *file) close() error { return f.f.Close() }
