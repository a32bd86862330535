package core

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/ozonecloud/ozone/schemas"
)

// ip4 is an IPv4 address; zero is none.
type ip4 [4]byte

func (a ip4) String() string { return netip.AddrFrom4(a).String() }

// list is the address as views have it.
func (a ip4) list() []string {
	if a == (ip4{}) {
		return nil
	}
	return []string{a.String()}
}

// parseIP4 reads an address; what is no IPv4 address is none.
func parseIP4(s string) ip4 {
	a, err := netip.ParseAddr(s)
	if err != nil || !a.Is4() {
		return ip4{}
	}
	return a.As4()
}

// address takes over an address's row: in use by a server, or in quarantine. Then released names, among
// others, the server that had it: a decision that retires addresses always has that row.
func (x *Index) address(a *schemas.Address, released []schemas.Reservation) {
	ip := parseIP4(a.IP)
	if ip == (ip4{}) {
		return // no version wrote such a row; it is not a reason to stop a cluster
	}
	queue := x.quarantine(a.Public)
	if a.Server == 0 {
		for i := range released {
			x.retire(released[i].Server, a.Public, ip)
		}
		*queue = append(*queue, resting{ip: ip, freeAt: a.FreeAt})
		return
	}
	if len(*queue) > 0 && (*queue)[0].ip == ip { // decisions take the head only
		*queue = (*queue)[1:]
	}
	pair := x.servers[a.Server]
	*pair.of(a.Public) = ip
	x.servers[a.Server] = pair
}

// retire takes an address from a server, if it has it.
func (x *Index) retire(s schemas.ServerID, public bool, ip ip4) {
	pair := x.servers[s]
	if mine := pair.of(public); *mine == ip {
		*mine = ip4{}
	}
	if pair == (addressPair{}) {
		delete(x.servers, s)
		return
	}
	x.servers[s] = pair
}

func (p *addressPair) of(public bool) *ip4 {
	if public {
		return &p.public
	}
	return &p.private
}

func (x *Index) quarantine(public bool) *[]resting {
	if public {
		return &x.public
	}
	return &x.private
}

// take gives out an address: the one that has rested longest if its quarantine is over, else the next of the pool.
// A pool that has none, or that cannot be read, is refused.
func take(p schemas.Pool, queue []resting, name string, now time.Time) (ip4, schemas.Pool, *schemas.Error) {
	if len(queue) > 0 && !queue[0].freeAt.After(now) {
		return queue[0].ip, p, nil
	}
	cidr, err := netip.ParsePrefix(p.CIDR)
	if err != nil || !cidr.Addr().Is4() {
		return ip4{}, p, schemas.Errorf(schemas.KindCapacity, "no %s address is free", name).Because("the pool is not an IPv4 network")
	}
	base := cidr.Masked().Addr().As4()
	last := ^uint32(0) >> cidr.Bits() // the broadcast address
	for off := p.Next; off < last; off++ {
		ip := base
		binary.BigEndian.PutUint32(ip[:], binary.BigEndian.Uint32(base[:])+off)
		if off == 0 || ip[3] == 0 || ip[3] == 255 {
			continue // the network's own; old clients refuse the other two
		}
		p.Next = off + 1
		return ip, p, nil
	}
	return ip4{}, p, exhausted(queue, name, now)
}

// exhausted is the refusal for lack of addresses; it passes when the first one has rested.
func exhausted(queue []resting, name string, now time.Time) *schemas.Error {
	err := schemas.Errorf(schemas.KindCapacity, "no %s address is free", name)
	if len(queue) == 0 {
		return err
	}
	return err.Because("%d rest after their last use", len(queue)).After(queue[0].freeAt.Sub(now))
}
