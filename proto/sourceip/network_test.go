package sourceip

import (
	"net/netip"
	"testing"
)

func TestNetworkIsShortenedForPeople(t *testing.T) {
	for from, want := range map[string]string{
		"192.0.2.77": "192.0.2.0/24", "::ffff:192.0.2.77": "192.0.2.0/24",
		"2001:db8:1:2:3:4:5:6": "2001:db8:1::/48", "fe80::1%eth0": "fe80::/48", "::1": "::/48",
	} {
		if got := Network(netip.MustParseAddr(from)); got != want {
			t.Errorf("%s is from %q, want %q", from, got, want)
		}
	}
	if got := Network(netip.Addr{}); got != "" {
		t.Errorf("no address is from %q", got)
	}
}
