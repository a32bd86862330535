// Package fog_test has fog, as Debian ships it, make every call that it has against a real node. It speaks JSON, where Libcloud
// speaks XML.
package fog_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/ozonecloud/ozone/tests/nodetest"
)

func TestMain(m *testing.M) { os.Exit(nodetest.Main(m)) }

// want is what the calls of life.rb come to.
const want = `list_flavors: 200
list_flavors_detail: 200
list_images: 200
list_images_detail: 200
list_servers: 200
list_servers_detail: 200
get_flavor_details: 200
get_image_details: 200
flavors, images: 256 ACTIVE
create_server: 202
ready: ACTIVE
shows: fog {"a"=>"ü"} 1 1 100 32
without a name: sliceID
get_server_details: 200
list_addresses: 200
list_public_addresses: 200
list_private_addresses: 200
update_server: 204
ready: ACTIVE other
reboot_server: 202
ready: ACTIVE
reboot_server: 202
ready: ACTIVE
resize_server: 202
verify: VERIFY_RESIZE
revert_resized_server: 202
ready: ACTIVE 1
resize_server: 202
verify: VERIFY_RESIZE
confirm_resized_server: 204
ready: ACTIVE 2
resize to the same: Fog::Compute::Rackspace::ServiceError
a reboot of no kind: Fog::Compute::Rackspace::BadRequest
create_image: 202
image ready: ACTIVE
delete_image: 204
image gone: nil
delete_server: 202
server gone: nil
server 0: Fog::Compute::Rackspace::NotFound
with a stale token: 200
with a wrong key: Excon::Error::Unauthorized
`

func TestFogMakesEveryCallThatItHas(t *testing.T) {
	n := nodetest.Start(t)
	c := nodetest.Client(t, n, "fog")
	cmd := exec.CommandContext(t.Context(), "ruby", "-W0", "life.rb", n.URL(), c.User(), c.Key())
	var problem strings.Builder
	cmd.Stderr = &problem
	got, err := cmd.Output()
	if err != nil {
		t.Errorf("life.rb: %v; tests/rig/install.sh installs what it needs\n%s", err, problem.String())
	}
	if string(got) != want {
		t.Errorf("fog's calls came to\n%s\nwant\n%s", got, want)
	}
	nodetest.Audit(t, n)
}
