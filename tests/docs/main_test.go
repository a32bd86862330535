package docs_test

import (
	"os"
	"testing"

	"github.com/ozonecloud/ozone/tests/nodetest"
)

func TestMain(m *testing.M) { os.Exit(nodetest.Main(m)) }
