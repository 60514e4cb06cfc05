package sourceip

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// Proxies has the addresses of proxies in front of a program. If one of these proxies
// names the address of a client, the program uses that address. It ignores addresses
// that other peers name. The zero value has no proxies. Proxies is a flag.Value, with
// addresses and CIDR blocks, separated by commas.
type Proxies []netip.Prefix

// String implements flag.Value.
func (p *Proxies) String() string {
	var b strings.Builder
	for i, block := range *p {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(block.String())
	}
	return b.String()
}

// Set implements flag.Value. For the empty text there are no proxies.
func (p *Proxies) Set(text string) error {
	blocks, err := ParseBlocks(text)
	if err == nil {
		*p = blocks
	}
	return err
}

// ParseBlocks returns the addresses and CIDR blocks in a text with commas between. The
// empty text has none.
func ParseBlocks(text string) ([]netip.Prefix, error) {
	var blocks []netip.Prefix
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		block, err := netip.ParsePrefix(part)
		if err != nil {
			a, errAddr := netip.ParseAddr(part)
			if errAddr != nil {
				return nil, fmt.Errorf("parse %q: want an IP address or a CIDR block", part)
			}
			block = netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen())
		}
		blocks = append(blocks, block.Masked())
	}
	return blocks, nil
}

// Trust reports whether a is the address of a proxy.
func (p Proxies) Trust(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	for _, block := range p {
		if block.Contains(a) {
			return true
		}
	}
	return false
}

// Client returns the address from which a request came. If the peer is no proxy, that is
// the peer's address. If the peer is a proxy, Client goes through X-Forwarded-For from
// the end, and returns the first address that is not a proxy's. Each proxy appends the
// address of its own peer, and earlier entries may be forged. If an entry is no address,
// Client returns the address of the proxy that passed it on.
func (p Proxies) Client(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	from := peer.Addr().Unmap()
	if !p.Trust(from) {
		return from
	}
	via := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(via) - 1; i >= 0; i-- {
		a, ok := forwarded(via[i])
		if !ok {
			break
		}
		from = a
		if !p.Trust(from) {
			break
		}
	}
	return from
}

// forwarded reads one entry of X-Forwarded-For. Some proxies write a port, too.
func forwarded(text string) (netip.Addr, bool) {
	text = strings.TrimSpace(text)
	if ap, err := netip.ParseAddrPort(text); err == nil {
		return ap.Addr().Unmap(), true
	}
	a, err := netip.ParseAddr(strings.Trim(text, "[]"))
	return a.Unmap(), err == nil
}
