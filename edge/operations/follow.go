package operations

import (
	"context"
	"errors"

	"github.com/ozonecloud/ozone/edge"
	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// follow streams an operation: as it is now, and after each change until it has ended.
func (m *module) follow(ctx context.Context, account schemas.AccountID, id schemas.OperationID) (edge.Response, error) {
	if _, err := m.operations.Get(ctx, account, id); err != nil {
		return edge.Response{}, err
	}
	leave, err := m.operations.Enter()
	if err != nil {
		return edge.Response{}, err
	}
	return edge.Response{Stream: func(s *edge.Stream) {
		defer leave()
		err := m.operations.Follow(ctx, account, id, func(row *storage.OperationRow) error {
			if row == nil {
				s.Comment("heartbeat")
			} else {
				s.Event("", "", edge.OneOperation(*row).AppendJSON(nil))
			}
			return s.Flush()
		})
		if err != nil && !errors.Is(err, edge.ErrDraining) {
			s.Event("", "resync", []byte(`{"reason":"unavailable"}`)) // in vain, when nobody reads
		}
	}}, nil
}
