package sim

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/ozonecloud/ozone/schemas"
)

// Base images are 1 to 3: they are always there and cannot be removed.
const baseImages = 3

// image is a file of the store.
type image struct {
	ID      schemas.ImageID     `json:"id"`
	By      schemas.OperationID `json:"by,omitempty"` // who saved it
	Content Content             `json:"content"`
}

// images is the store that all hosts of the cloud share: a JSON file for each image.
type images struct {
	dir string

	mu    sync.Mutex
	known map[schemas.ImageID]*image // guarded by mu; read or written by this process
}

func openImages(dir string) (*images, error) {
	if err := makeDir(dir); err != nil {
		return nil, err
	}
	im := &images{dir: dir, known: map[schemas.ImageID]*image{}}
	for id := schemas.ImageID(1); id <= baseImages; id++ {
		im.known[id] = baseImage(id)
	}
	return im, nil
}

// baseImage is an image with a few files that personality can meet.
func baseImage(id schemas.ImageID) *image {
	c := Content{Print: fmt.Sprintf("base-%d", id)}
	for _, path := range []string{"/etc/passwd", "/etc/motd"} {
		text := fmt.Sprintf("%s of image %d", path, id)
		c.Files = append(c.Files, File{path, hash([]byte(text)), len(text), "0644", "root:root"})
	}
	return &image{ID: id, Content: c}
}

// get is an image, nil when the store has none of that id.
func (im *images) get(id schemas.ImageID) (*image, error) {
	im.mu.Lock()
	defer im.mu.Unlock()
	if i := im.known[id]; i != nil {
		return i, nil
	}
	data, err := os.ReadFile(im.path(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	i := new(image)
	if err := json.Unmarshal(data, i); err != nil {
		return nil, fmt.Errorf("%s: %w", im.path(id), err)
	}
	im.known[id] = i
	return i, nil
}

func (im *images) put(i *image) error {
	data, err := json.Marshal(i)
	if err != nil {
		return err
	}
	im.mu.Lock()
	defer im.mu.Unlock()
	if err := writeWhole(im.path(i.ID), data); err != nil {
		return err
	}
	im.known[i.ID] = i
	return nil
}

// remove deletes what there is of an image, a half-written file included.
func (im *images) remove(id schemas.ImageID) error {
	im.mu.Lock()
	defer im.mu.Unlock()
	delete(im.known, id)
	for _, path := range []string{im.path(id), im.path(id) + ".new"} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (im *images) path(id schemas.ImageID) string {
	return filepath.Join(im.dir, fmt.Sprintf("%d.json", id))
}
