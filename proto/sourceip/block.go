package sourceip

import (
	"net"
	"net/netip"
)

// Block returns the block of addresses that count as one address with a. For IPv4 it is a
// itself, and for IPv6 its /64. An IPv4 address inside an IPv6 one counts as IPv4. Block
// ignores the zone. For the zero Addr it returns the zero Prefix, which counts as one
// block like any other.
func Block(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil { // the zero Addr
		return netip.Prefix{}
	}
	return p
}

// Network returns the network of an address, for a list that people read. It is the /24
// of IPv4, or the /48 of IPv6. It shows roughly where a device was, but not which
// customer of a provider used it. It is empty for the zero Addr.
func Network(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	if !a.IsValid() {
		return ""
	}
	bits := 24
	if a.Is6() {
		bits = 48
	}
	p, _ := a.Prefix(bits) // this fails only for a wrong number of bits
	return p.String()
}

// Addr returns the IP address of one end of a connection. It is the zero Addr if that
// end has none, as for a pipe or a Unix socket.
func Addr(a net.Addr) netip.Addr {
	switch a := a.(type) {
	case *net.TCPAddr:
		return a.AddrPort().Addr().Unmap()
	case nil:
		return netip.Addr{}
	}
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}
