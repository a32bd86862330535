#!/bin/sh
# Installs the servers that the tests start for themselves in temporary folders. They are not started as services.
# Safe to run again; does nothing when all is there.
set -eu

missing=""

# need PACKAGE PATTERN: the package is missing when no file matches the pattern.
need() {
	for file in $2; do
		if [ -e "$file" ]; then return; fi
	done
	missing="$missing $1"
}

need rabbitmq-server '/usr/lib/rabbitmq/bin/rabbitmq-server'

if [ -z "$missing" ]; then exit 0; fi

give_up() {
	echo "tests/rig: $1. Install these Debian packages, or what holds the same programs elsewhere:$missing" >&2
	exit 1
}

command -v apt-get >/dev/null || give_up "there is no apt-get here"
[ "$(id -u)" = 0 ] || give_up "only root can install packages"

# Without this file Debian starts what it installs.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	trap 'rm -f "$policy"' EXIT
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod +x "$policy"
fi

export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
install() {
	# shellcheck disable=SC2086 # one word a package
	apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=300 $missing
}
install || { apt-get update -q -o DPkg::Lock::Timeout=300 && install; } || give_up "apt-get failed"
