package migrate

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cim-go/cim/proto/wait"
	"github.com/cim-go/cim/routefn/migrate/format"
	"github.com/cim-go/cim/routefn/migrate/javacim"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/record/cimsource"
	"github.com/cim-go/cim/routefn/record/embedded"
	"github.com/cim-go/cim/routefn/record/redistest"
)

const header = `{"kind":"cim","version":1}`

func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", "30"); err != nil { // each fills two stores
		panic(err)
	}
	flag.Parse()
	os.Exit(m.Run())
}

// redis starts a redis-server for the test.
func redis(t *testing.T) *redistest.Server {
	t.Helper()
	s, err := redistest.Redis(wait.Context(t), redistest.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// fresh returns an empty store.
func fresh(t testing.TB) *record.Store {
	t.Helper()
	server, err := embedded.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return dial(t, server.URL())
}

func dial(t testing.TB, url string) *record.Store {
	t.Helper()
	// An export has to contain trimmed logs, too. A log of 100 entries is short enough
	// to be trimmed here.
	s, err := record.Dial(t.Context(), record.Config{URL: url, AllowEmbedded: true, DialTimeout: wait.Limit, Retention: record.Retention{Count: 100}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func fill(t *testing.T, s *redistest.Server, d *javacim.Data) {
	t.Helper()
	if err := s.Load(wait.Context(t), d.Commands); err != nil {
		t.Fatal(err)
	}
	d.Commands = nil
}

func cim(t *testing.T, s *redistest.Server) *cimsource.Source {
	t.Helper()
	c, err := cimsource.Dial(t.Context(), s.URL(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// importCIM imports from source. It returns the result, and one line for each thing
// that was left out.
func importCIM(t *testing.T, cfg Config, source *cimsource.Source) (Result, []string) {
	t.Helper()
	var left []string
	cfg.Left = func(l Left) { left = append(left, l.String()) }
	r, err := FromCIM(t.Context(), cfg, source)
	if err != nil {
		t.Fatal(err)
	}
	return r, left
}

// importLines imports a header and the given lines. It returns the result, and one line
// for each thing that was left out.
func importLines(t testing.TB, cfg Config, lines ...string) (Result, []string) {
	t.Helper()
	var left []string
	cfg.Left = func(l Left) { left = append(left, l.String()) }
	r, err := FromLines(t.Context(), cfg, strings.NewReader(header+"\n"+strings.Join(lines, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	return r, left
}

func export(t testing.TB, s *record.Store, credentials bool) string {
	t.Helper()
	var b bytes.Buffer
	if _, err := Export(t.Context(), ExportConfig{Store: s, Credentials: credentials}, &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// dump returns the contents of the store, without keys that change by themselves.
func dump(t *testing.T, s *redistest.Server) map[string]string {
	t.Helper()
	d, err := s.Dump(wait.Context(t), "cim:*")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func same(t *testing.T, what string, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			t.Fatalf("%s: line %d is\n%s\nwant\n%s", what, i+1, g[i], w[i])
		}
	}
	t.Fatalf("%s: %d lines, want %d", what, len(g), len(w))
}

// cutter passes bytes to a server. After a given number of bytes it cuts all
// connections, as if the process had been killed.
type cutter struct {
	net.Listener
	target string
	left   atomic.Int64
	sent   atomic.Int64
	cut    func()

	mu    sync.Mutex
	conns []net.Conn
	over  bool
}

func newCutter(t *testing.T, s *redistest.Server, bytes int64, cut func()) *cutter {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{Listener: l, target: s.Addr(), cut: cut}
	c.left.Store(bytes)
	go c.accept()
	t.Cleanup(c.end)
	return c
}

func (c *cutter) url() string { return "redis://" + c.Addr().String() }

func (c *cutter) accept() {
	for {
		in, err := c.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", c.target)
		if err != nil {
			in.Close()
			return
		}
		c.mu.Lock()
		c.conns = append(c.conns, in, out)
		over := c.over
		c.mu.Unlock()
		if over {
			c.end()
			return
		}
		go func() { _, _ = io.Copy(in, out); in.Close() }()
		go c.pass(in, out)
	}
}

func (c *cutter) pass(in, out net.Conn) {
	b := make([]byte, 4096)
	for {
		n, err := in.Read(b)
		left := c.left.Add(-int64(n))
		if left < 0 {
			_, _ = out.Write(b[:max(0, int64(n)+left)])
			c.end()
			c.cut()
			return
		}
		c.sent.Add(int64(n))
		if _, werr := out.Write(b[:n]); err != nil || werr != nil {
			in.Close()
			out.Close()
			return
		}
	}
}

func (c *cutter) end() {
	c.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	for _, conn := range c.conns {
		conn.Close()
	}
}

// killed runs an import many times, and cuts off the store at points that are spread
// over the whole import. Each time it continues the import with a working store. It
// checks that the result is the same as after an import in one piece.
func killed(t *testing.T, run func(ctx context.Context, cfg Config) error) {
	t.Helper()
	const points = 20
	target := redis(t)
	empty := func() {
		if err := target.Load(t.Context(), [][]any{{"flushall"}}); err != nil {
			t.Fatal(err)
		}
	}
	var want string
	var size int64
	for range 2 { // the first run also sends the scripts
		empty()
		whole := newCutter(t, target, 1<<60, func() {})
		store := dial(t, whole.url())
		begin := whole.sent.Load()
		if err := run(t.Context(), Config{Store: store}); err != nil {
			t.Fatal(err)
		}
		want, size = export(t, dial(t, target.URL()), true), whole.sent.Load()-begin
	}
	if !strings.Contains(want, format.KindMessage) {
		t.Fatal("nothing was imported")
	}
	for k := range int64(points) {
		empty()
		ctx, kill := context.WithCancel(t.Context())
		c := newCutter(t, target, 1<<60, kill)
		store := dial(t, c.url())
		c.left.Store(size * (k + 1) / (points + 1))
		if err := run(ctx, Config{Store: store, Patience: time.Millisecond}); err == nil {
			t.Errorf("kill %d came too late", k)
		}
		kill()
		again := dial(t, target.URL())
		if err := run(t.Context(), Config{Store: again}); err != nil {
			t.Fatalf("after kill %d: %v", k, err)
		}
		same(t, fmt.Sprint("after kill ", k), export(t, again, true), want)
	}
}
