package edge

import (
	"context"
	"time"

	"github.com/ozonecloud/ozone/schemas"
	"github.com/ozonecloud/ozone/storage"
)

// Enter takes one of the places of those who wait, for as long as until leave is called. An error says that all are taken.
func (o *Operations) Enter() (leave func(), err error) {
	select {
	case o.places <- struct{}{}:
		return func() { <-o.places }, nil
	default:
		return nil, errWatching
	}
}

// Follow calls see with the operation as it is now and after each change of it, with nil when there was none for a while. It returns
// when the operation has ended, with the error of see or of a read, or with ErrDraining. Who follows has entered.
func (o *Operations) Follow(ctx context.Context, account schemas.AccountID, id schemas.OperationID, see func(*storage.OperationRow) error) error {
	tick, beat := time.NewTicker(pollEvery), time.NewTicker(Heartbeat)
	defer tick.Stop()
	defer beat.Stop()
	var last *storage.OperationRow
	for {
		row, err := o.Get(ctx, account, id)
		if err != nil {
			return err
		}
		if last == nil || moved(last, &row) {
			last = &row
			if err := see(last); err != nil || row.State.Terminal() {
				return err
			}
		}
		select {
		case <-tick.C:
		case <-beat.C:
			if err := see(nil); err != nil {
				return err
			}
		case <-o.quit:
			return ErrDraining
		}
	}
}

// moved tells whether an operation is shown otherwise than before, but for its times.
func moved(a, b *storage.OperationRow) bool {
	return shownState(a.State) != shownState(b.State) || a.Action != b.Action || a.Step != b.Step || a.Attempt != b.Attempt || a.Percent != b.Percent
}
