#!/bin/sh
# Installs the servers that the tests start for themselves, and the other programs that they run, where they are missing.
# No server is started or configured by it; a second run does nothing.
set -eu

missing=""
need() { # need PACKAGE TEST...: PACKAGE is missing unless TEST succeeds
	package=$1
	shift
	"$@" >/dev/null 2>&1 || missing="$missing $package"
}

# PostgreSQL 15 or later: initdb and postgres, as the rig looks for them.
have_postgres() {
	for path in /usr/lib/postgresql/*/bin/postgres; do
		version=${path#/usr/lib/postgresql/}
		version=${version%%/*}
		if [ -x "$path" ] && [ "$version" -ge 15 ]; then
			return 0
		fi
	done
	path=$(command -v postgres) || return 1
	version=$("$path" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
	[ "$version" -ge 15 ] && command -v initdb
}
need postgresql have_postgres
need libxml2-utils command -v xmllint # the judge of XML
need python3-libcloud /usr/bin/python3 -c 'import libcloud' # a client of old times
need amqp-tools command -v amqp-publish # clients of AMQP that know no user_id
need python3-pika /usr/bin/python3 -c 'import pika' # and one that does
need ruby-bunny ruby -e 'require "bunny"' # another one
need ruby-fog-rackspace ruby -e 'require "fog/rackspace"' # another client of old times
need nodejs command -v node # the parser of AsyncAPI
need npm command -v npm
need rabbitmq-server test -e /usr/lib/rabbitmq/bin/rabbitmq-server

if [ -z "$missing" ]; then
	exit 0
fi
complain() {
	echo "The tests need what is not installed here, and $1." >&2
	echo "Install it yourself. On Debian or Ubuntu, as root:" >&2
	echo "    apt-get install --no-install-recommends$missing" >&2
	exit 1
}
command -v apt-get >/dev/null || complain "there is no apt-get"
[ "$(id -u)" = 0 ] || complain "only root may install it"

# The packages start their servers when they are installed: not here.
if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
	mkdir -p /etc/postgresql-common
	echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
fi
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	trap 'rm -f "$policy"' EXIT
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod 755 "$policy"
fi

export DEBIAN_FRONTEND=noninteractive
apt() {
	apt-get -o DPkg::Lock::Timeout=300 "$@"
}
# shellcheck disable=SC2086 # one word for each package
install() {
	apt install --yes --no-install-recommends -o Dpkg::Options::=--force-confold $missing
}
install || { apt update && install; } || complain "apt-get cannot install it"
