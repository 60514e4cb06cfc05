package egress

import (
	"net/netip"
	"slices"
)

// inner has the blocks of addresses that belong to no public server, and that no method of
// package netip recognises.
var inner = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),       // this network (RFC 791)
	netip.MustParsePrefix("100.64.0.0/10"),   // behind a carrier's NAT (RFC 6598), and some clouds' metadata
	netip.MustParsePrefix("192.0.0.0/24"),    // protocol assignments (RFC 6890), and some clouds' metadata
	netip.MustParsePrefix("192.0.2.0/24"),    // documentation (RFC 5737)
	netip.MustParsePrefix("198.18.0.0/15"),   // benchmarks (RFC 2544)
	netip.MustParsePrefix("198.51.100.0/24"), // documentation
	netip.MustParsePrefix("203.0.113.0/24"),  // documentation
	netip.MustParsePrefix("240.0.0.0/4"),     // reserved (RFC 1112), and broadcast
	netip.MustParsePrefix("::/96"),           // IPv4-compatible (RFC 4291)
	netip.MustParsePrefix("64:ff9b:1::/48"),  // IPv4 behind a local NAT64 (RFC 8215)
	netip.MustParsePrefix("100::/64"),        // discard only (RFC 6666)
	netip.MustParsePrefix("2001::/32"),       // Teredo: IPv4 inside (RFC 4380)
	netip.MustParsePrefix("2001:db8::/32"),   // documentation (RFC 3849)
	netip.MustParsePrefix("2002::/16"),       // 6to4: IPv4 inside (RFC 3056)
	netip.MustParsePrefix("fec0::/10"),       // site-local (RFC 3879)
}

// nat64 is the block of addresses by which hosts without IPv4 call IPv4 addresses. The
// last four bytes are the IPv4 address (RFC 6052).
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// public reports whether the address belongs to the public Internet. The addresses of
// clouds' metadata services do not belong to it. They are link-local, private, or in
// the variable inner.
func public(a netip.Addr) bool {
	a = a.Unmap()
	if nat64.Contains(a) {
		b := a.As16()
		a = netip.AddrFrom4([4]byte(b[12:]))
	}
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	return !slices.ContainsFunc(inner, func(p netip.Prefix) bool { return p.Contains(a) })
}
