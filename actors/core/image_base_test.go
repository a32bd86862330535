package core

import (
	"testing"

	"github.com/ozonecloud/ozone/schemas"
)

func TestBaseImageIsNotATenantsToDelete(t *testing.T) {
	t.Parallel()
	w := newCloud(t, 1)
	op := w.order(schemas.ImageDelete, 1, schemas.Params{})
	w.wantFault(op, schemas.KindInvalid, schemas.FaultCloudServers)
	w.nothingLeft()
}
