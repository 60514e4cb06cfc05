package gossip

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cim-go/cim/ring"
)

// more returns a source of seeds whose answer never changes.
func more(addrs []string, err error) func(context.Context) ([]string, error) {
	return func(context.Context) ([]string, error) { return addrs, err }
}

// names is a resolver with a fixed list of names.
type names map[string][]string

func (n names) LookupHost(_ context.Context, host string) ([]string, error) {
	if addrs, ok := n[host]; ok {
		return addrs, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

func (n names) LookupSRV(_ context.Context, _, _, name string) (string, []*net.SRV, error) {
	var records []*net.SRV
	for _, target := range n["srv:"+name] {
		records = append(records, &net.SRV{Target: target, Port: 7000})
	}
	return name, records, nil
}

func TestSeedsResolve(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "seeds")
	if err := os.WriteFile(file, []byte("# ours\n10.0.0.1:7001\nhost, 10.0.0.2 # two\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	g := &Gossip{cfg: Config{Resolver: names{"host": {"10.1.0.1", "10.1.0.2", "fd00::1"}, "srv:_cim._tcp.x": {"host."}}}}
	for seed, want := range map[string]string{
		"10.0.0.1:7001":           "[10.0.0.1:7001]",
		"10.0.0.1":                "[10.0.0.1:7946]",
		"fd00::1":                 "[[fd00::1]:7946]",
		"[fd00::1]:7001":          "[[fd00::1]:7001]",
		"host:7001":               "[10.1.0.1:7001 10.1.0.2:7001 [fd00::1]:7001]",
		"dns+srv://_cim._tcp.x":   "[10.1.0.1:7000 10.1.0.2:7000 [fd00::1]:7000]",
		"file://" + file:          "[10.0.0.1:7001 10.1.0.1:7946 10.1.0.2:7946 [fd00::1]:7946 10.0.0.2:7946]",
		"exec:echo 10.0.0.9:7001": "[10.0.0.9:7001]",
	} {
		got, err := g.resolve(t.Context(), seed)
		if err != nil || fmt.Sprint(got) != want {
			t.Errorf("%s resolves to %v, %v, want %s", seed, got, err, want)
		}
	}
	for _, bad := range []string{"nowhere:7001", "file:///nowhere", "exec:false", "exec:/nowhere/command"} {
		if got, err := g.resolve(t.Context(), bad); err == nil {
			t.Errorf("%s resolves to %v", bad, got)
		}
	}
}

func TestSeedsAreResolvedAnewAtEveryTry(t *testing.T) {
	a := startNode(t, "a", nil)
	file := filepath.Join(t.TempDir(), "seeds")
	b := startNode(t, "b", func(c *Config) {
		c.Seeds = []string{"file://" + file}
		c.backoffFirst = time.Millisecond
	})
	if ok, _ := b.Ready(); ok {
		t.Error("ready before the file is there")
	}
	if err := os.WriteFile(file, []byte(a.Addr()), 0o600); err != nil {
		t.Fatal(err)
	}
	b.awaitMembers(t, "a", "b")
}

func TestConfigMistakesAreFoundByNew(t *testing.T) {
	good := Config{
		Self:  ring.Member{ID: "a", Client: "127.0.0.1:1", HTTP: "127.0.0.1:2", Weight: 1},
		Table: ring.NewTable(), Bind: "127.0.0.1:0", Keys: ring.NewKeys([]byte("k")),
	}
	if _, err := New(good); err != nil {
		t.Fatalf("a good config is refused: %v", err)
	}
	for want, change := range map[string]func(*Config){
		"no table":            func(c *Config) { c.Table = nil },
		"cluster name of 256": func(c *Config) { c.Cluster = strings.Repeat("x", 256) },
		"bind address":        func(c *Config) { c.Bind = "localhost:1" },
		"needs an advertised": func(c *Config) { c.Bind = "[::]:7946" },
		"id of 0 bytes":       func(c *Config) { c.Self.ID = "" },
		"shorten the names":   func(c *Config) { c.Self.Zone = strings.Repeat("z", 255); c.Self.HTTP = c.Self.Zone[:200] + ":1" },
		`seed "etcd://x"`:     func(c *Config) { c.Seeds = []string{"etcd://x"} },
		`seed "exec: " is`:    func(c *Config) { c.Seeds = []string{"exec: "} },
		`seed "h:0"`:          func(c *Config) { c.Seeds = []string{"h:0"} },
		"too many colons":     func(c *Config) { c.Seeds = []string{"a:b:c"} },
	} {
		c := good
		change(&c)
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want one with %q", err, want)
		}
	}
	for _, bind := range []string{"0.0.0.0:0", "192.0.2.1:7946"} {
		c := good
		c.Bind, c.Keys = bind, nil
		if _, err := New(c); !errors.Is(err, ErrNoKey) {
			t.Errorf("bind to %s without a key: %v, want ErrNoKey", bind, err)
		}
	}
}

func TestAdvertisingBeyondLoopbackNeedsAKey(t *testing.T) {
	g, err := New(Config{
		Self:  ring.Member{ID: "a", Client: "127.0.0.1:1", HTTP: "127.0.0.1:2", Weight: 1},
		Table: ring.NewTable(), Bind: "127.0.0.1:0", Advertise: "im", Resolver: names{"im": {"192.0.2.1"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Run(t.Context()); !errors.Is(err, ErrNoKey) {
		t.Errorf("Run returns %v, want ErrNoKey", err)
	}
}

func TestAdvertisedNameIsResolved(t *testing.T) {
	n := startNode(t, "a", func(c *Config) { c.Advertise, c.Resolver = "im:7000", names{"im": {"127.0.0.7"}} })
	if got := n.Addr(); got != "127.0.0.7:7000" {
		t.Errorf("address is %s, want 127.0.0.7:7000", got)
	}
}

func TestRememberedMembersLastADay(t *testing.T) {
	path := filepath.Join(t.TempDir(), "members.json")
	now := time.Now()
	at := func(i int, ago time.Duration) string {
		return fmt.Sprintf(`"10.0.0.%d:7946": %q`, i, now.Add(-ago).Format(time.RFC3339))
	}
	text := "{" + at(1, time.Hour) + "," + at(2, 25*time.Hour) + "}"
	for _, c := range []struct {
		text string
		want int
	}{{text, 1}, {"{", 0}, {"null", 0}, {"", 0}} {
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := loadSeen(path, now, slog.New(slog.DiscardHandler)); len(got) != c.want {
			t.Errorf("%q is read as %v, want %d", c.text, got, c.want)
		}
	}
	seen := make(seenMembers)
	one := netip.MustParseAddrPort("10.0.0.1:7946")
	if !seen.add(one, now) || seen.add(one, now.Add(time.Minute)) || !seen.add(one, now.Add(rememberEvery)) {
		t.Error("an entry is not renewed just when it is old")
	}
	b, err := json.Marshal(seen)
	if err != nil || !strings.Contains(string(b), `"10.0.0.1:7946":"`) {
		t.Errorf("the file would be %s, %v", b, err)
	}
}

// A peer may have connected before a start fails.
func TestUnreadTransportEnds(t *testing.T) {
	g := &Gossip{cfg: Config{Bind: "127.0.0.1:0", Keys: ring.NewKeys()}, log: slog.New(slog.DiscardHandler)}
	transport, addr, err := g.listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		conn, err := net.Dial("tcp", addr.String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	closeUnread(transport)
}
