package tenant

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/ozonecloud/ozone/client"
	"github.com/ozonecloud/ozone/schemas"
)

// pick finds what a word of the command line means: a number is an id, anything else the name of exactly one.
func pick[ID ~int64, T any](ctx context.Context, what, word string, list func(context.Context) ([]T, error), of func(T) (ID, string)) (ID, error) {
	if n, err := strconv.ParseInt(word, 10, 64); err == nil {
		return ID(n), nil
	}
	all, err := list(ctx)
	if err != nil {
		return 0, err
	}
	var found []string
	var id ID
	for _, v := range all {
		if n, name := of(v); name == word {
			id, found = n, append(found, fmt.Sprint(n))
		}
	}
	switch len(found) {
	case 0:
		return 0, missing(what, word)
	case 1:
		return id, nil
	default:
		return 0, &problem{
			error: fmt.Errorf("there are %d %ss %q: %s", len(found), what, word, strings.Join(found, ", ")), code: exitRefused, advice: "Say which by its number.",
		}
	}
}

// missing says that there is no such thing, and where to look for what there is.
func missing(what, word string) error {
	return &problem{error: fmt.Errorf("there is no %s %q", what, word), code: exitNotFound, advice: "ozone " + what + " list shows what there is."}
}

// noSuch is err with its word instead, when that is of something that is not there.
func noSuch(err error, what, word string) error {
	if notFound(err) {
		return missing(what, word)
	}
	return err
}

func notFound(err error) bool {
	f, ok := errors.AsType[*client.Error](err)
	return ok && f.Kind == schemas.KindNotFound
}

func (s *session) server(ctx context.Context, word string) (schemas.ServerID, error) {
	return pick(ctx, "server", word, s.Servers, func(v client.Server) (schemas.ServerID, string) { return v.ID, v.Name })
}

func (s *session) image(ctx context.Context, word string) (schemas.ImageID, error) {
	return pick(ctx, "image", word, s.Images, func(v client.Image) (schemas.ImageID, string) { return v.ID, v.Name })
}

func (s *session) group(ctx context.Context, word string) (schemas.GroupID, error) {
	return pick(ctx, "group", word, s.Groups, func(v client.Group) (schemas.GroupID, string) { return v.ID, v.Name })
}

func (s *session) flavor(ctx context.Context, word string) (schemas.FlavorID, error) {
	return pick(ctx, "flavor", word, s.Flavors, func(v client.Flavor) (schemas.FlavorID, string) { return v.ID, v.Name })
}
