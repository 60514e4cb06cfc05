package sourceip

import (
	"net"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestBlockIsAnAddressOrASlash64(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.7":              "192.0.2.7/32",
		"::ffff:192.0.2.7":       "192.0.2.7/32",
		"2001:db8:1:2:3:4:5:6":   "2001:db8:1:2::/64",
		"2001:db8:1:2:ffff::":    "2001:db8:1:2::/64",
		"fe80::1%eth0":           "fe80::/64",
		"::1":                    "::/64",
		"::ffff:192.0.2.7%zone0": "192.0.2.7/32",
	} {
		if got := Block(netip.MustParseAddr(text)).String(); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	if Block(netip.Addr{}) != (netip.Prefix{}) {
		t.Error("no address has a block")
	}
}

func TestAddrOfAConnection(t *testing.T) {
	pipe, other := net.Pipe()
	defer pipe.Close()
	defer other.Close()
	for _, c := range []struct {
		addr net.Addr
		want string
	}{
		{&net.TCPAddr{IP: net.IPv4(192, 0, 2, 7), Port: 5}, "192.0.2.7"},
		{&net.UDPAddr{IP: net.ParseIP("2001:db8::1"), Port: 5}, "2001:db8::1"},
		{pipe.RemoteAddr(), "invalid IP"},
		{nil, "invalid IP"},
	} {
		if got := Addr(c.addr).String(); got != c.want {
			t.Errorf("%v: %s, want %s", c.addr, got, c.want)
		}
	}
}

// No block ever holds more than its places. A place that is younger than a second is
// never taken away. Nothing is left at the end.
func TestLimiterHoldsAtMostItsPlaces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		max := rapid.IntRange(1, 4).Draw(t, "max")
		l := NewLimiter(max)
		now := time.Unix(1000, 0)
		type held struct {
			place *Place
			since time.Time
			gone  bool
		}
		blocks := map[netip.Addr][]*held{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			a := netip.AddrFrom4([4]byte{192, 0, 2, byte(rapid.IntRange(1, 2).Draw(t, "address"))})
			now = now.Add(time.Duration(rapid.IntRange(0, 700).Draw(t, "ms")) * time.Millisecond)
			var there []*held
			for _, h := range blocks[a] {
				if !h.gone {
					there = append(there, h)
				}
			}
			if len(there) > 0 && rapid.Bool().Draw(t, "leave") {
				h := there[rapid.IntRange(0, len(there)-1).Draw(t, "which")]
				h.gone = true
				h.place.Leave()
				h.place.Leave()
				continue
			}
			h := &held{since: now}
			place, ok := l.Enter(a, now, func() {
				if now.Sub(h.since) < time.Second {
					t.Fatal("a young place was taken away")
				}
				h.gone = true
			})
			full := len(there) == max
			if want := !full || now.Sub(there[0].since) >= time.Second; ok != want {
				t.Fatalf("entered: %v, want %v, with %d of %d held", ok, want, len(there), max)
			}
			if ok {
				if full && !there[0].gone {
					t.Fatal("the oldest kept its place")
				}
				h.place = place
				blocks[a] = append(blocks[a], h)
			}
		}
		n := 0
		for _, all := range blocks {
			for _, h := range all {
				if !h.gone {
					n++
				}
			}
		}
		if l.Held() != n {
			t.Fatalf("%d held, want %d", l.Held(), n)
		}
		for _, all := range blocks {
			for _, h := range all {
				h.place.Leave()
			}
		}
		if l.Held() != 0 || len(l.blocks) != 0 {
			t.Fatalf("%d places and %d blocks are left", l.Held(), len(l.blocks))
		}
	})
}

func TestNoLimiterBoundsNothing(t *testing.T) {
	var l *Limiter
	for range 3 {
		p, ok := l.Enter(netip.Addr{}, time.Now(), nil)
		if !ok {
			t.Fatal("refused")
		}
		p.Leave()
	}
	if NewLimiter(0) != nil || l.Held() != 0 {
		t.Error("zero is no limit")
	}
}

func TestClientIsWhoTheProxiesSay(t *testing.T) {
	var p Proxies
	if err := p.Set("10.0.0.0/8, 192.0.2.1,2001:db8::/32"); err != nil {
		t.Fatal(err)
	}
	if got, want := p.String(), "10.0.0.0/8,192.0.2.1/32,2001:db8::/32"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for name, c := range map[string]struct {
		peer string
		via  []string
		want string
	}{
		"direct":             {"198.51.100.1:5", nil, "198.51.100.1"},
		"direct and lying":   {"198.51.100.1:5", []string{"203.0.113.9"}, "198.51.100.1"},
		"one proxy":          {"10.1.1.1:5", []string{"203.0.113.9"}, "203.0.113.9"},
		"a proxy that is v6": {"[2001:db8::5]:5", []string{"2001:470::1"}, "2001:470::1"},
		"two proxies":        {"10.1.1.1:5", []string{"203.0.113.9, 192.0.2.1"}, "203.0.113.9"},
		"two headers":        {"10.1.1.1:5", []string{"203.0.113.9", "192.0.2.1"}, "203.0.113.9"},
		"lying to a proxy":   {"10.1.1.1:5", []string{"203.0.113.9, 198.51.100.7"}, "198.51.100.7"},
		"with ports":         {"10.1.1.1:5", []string{"203.0.113.9:1234, [2001:db8::9]:80"}, "203.0.113.9"},
		"no address":         {"10.1.1.1:5", []string{"203.0.113.9, unknown"}, "10.1.1.1"},
		"nothing":            {"10.1.1.1:5", nil, "10.1.1.1"},
		"proxies alone":      {"10.1.1.1:5", []string{"10.2.2.2"}, "10.2.2.2"},
		"v4 in v6":           {"[::ffff:10.1.1.1]:5", []string{"::ffff:203.0.113.9"}, "203.0.113.9"},
		"no peer":            {"@", []string{"203.0.113.9"}, "invalid IP"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c.peer
		for _, v := range c.via {
			r.Header.Add("X-Forwarded-For", v)
		}
		if got := p.Client(r).String(); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	for _, bad := range []string{"proxy.example.org", "10.0.0.0/40", "1.2.3"} {
		if err := p.Set(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	if err := p.Set(""); err != nil || len(p) != 0 || p.String() != "" {
		t.Errorf("none: %v, %v", p, err)
	}
}
