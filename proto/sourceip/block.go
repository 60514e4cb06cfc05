package sourceip

import (
	"net"
	"net/netip"
)

// Block returns the addresses that count as one with a: a itself for IPv4, the /64
// for IPv6. An IPv4 address inside an IPv6 one counts as IPv4. The zone is dropped.
// The zero Addr has the zero Prefix, which counts as one block like any other.
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

// Network returns the network of an address for a list that people read: the /24 of
// IPv4, the /48 of IPv6. It shows where a device was, and not which customer it was. It
// is empty for the zero Addr.
func Network(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	if !a.IsValid() {
		return ""
	}
	bits := 24
	if a.Is6() {
		bits = 48
	}
	p, _ := a.Prefix(bits) // an error is one of bits
	return p.String()
}

// Addr returns the IP address of a connection's end, or the zero Addr if it has none:
// that of a pipe, or of a Unix socket.
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
