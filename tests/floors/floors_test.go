package floors_test

import (
	"testing"
	"time"

	"github.com/ozonecloud/ozone/tests/floors"
)

func TestCommitsAreMeasured(t *testing.T) {
	rate, err := floors.Commits(t.Context(), t.TempDir(), floors.Create, 16, 50*time.Millisecond)
	if err != nil || rate <= 0 {
		t.Errorf("Commits = %v, %v", rate, err)
	}
}
