package edge_test

import (
	"testing"

	"github.com/ozonecloud/ozone/edge"
	v10 "github.com/ozonecloud/ozone/edge/v10"
)

// FuzzCommands goes from a message of the tenants' bus to the order that v1.0 makes of it.
func FuzzCommands(f *testing.F) {
	has, _ := v10.New().(edge.Submissions)
	edge.TakeAnything(f, has.Submissions())
}
