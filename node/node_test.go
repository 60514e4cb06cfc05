package node

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"
	"github.com/prometheus/client_golang/prometheus"
	gproto "google.golang.org/protobuf/proto"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/token"
)

func TestNewChecksItsConfig(t *testing.T) {
	issuer, err := token.NewIssuer([]byte("0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	good := Config{
		ID: "n1", Clients: newPipes(), Internal: newPipes(), Sessions: new(script), Messages: new(script),
		Verifier: token.NewVerifier(issuer.Public()...), ServiceToken: "secret",
	}
	if _, err := New(good); err != nil {
		t.Error(err)
	}
	for name, spoil := range map[string]func(*Config){
		"no id":         func(c *Config) { c.ID = "" },
		"no listener":   func(c *Config) { c.Clients = nil },
		"no internal":   func(c *Config) { c.Internal = nil },
		"no route":      func(c *Config) { c.Messages = nil },
		"no verifier":   func(c *Config) { c.Verifier = nil },
		"no token":      func(c *Config) { c.ServiceToken = "" },
		"capacity":      func(c *Config) { c.Limits.Capacity = -1 },
		"drain rate":    func(c *Config) { c.Drain.Rate = -1 },
		"drain timeout": func(c *Config) { c.Drain.Timeout = -1 },
		"ping interval": func(c *Config) { c.Timeouts.PingEvery = 1500 },
		"outbox":        func(c *Config) { c.Limits.OutboxBytes = -1 },
	} {
		c := good
		spoil(&c)
		if _, err := New(c); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestMetricsArePresentAtZero(t *testing.T) {
	r := prometheus.NewRegistry()
	issuer, err := token.NewIssuer([]byte("0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(Config{
		ID: "n1", Clients: newPipes(), Internal: newPipes(), Sessions: new(script), Messages: new(script), Registerer: r,
		Verifier: token.NewVerifier(issuer.Public()...), ServiceToken: "secret",
	}); err != nil {
		t.Fatal(err)
	}
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	series := make(map[string]int)
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "cim_node_") || f.GetHelp() == "" {
			t.Errorf("metric %s: %q", f.GetName(), f.GetHelp())
		}
		series[f.GetName()] = len(f.Metric)
	}
	for name, least := range map[string]int{
		"cim_node_closes_total": len(proto.Codes()), "cim_node_drops_total": 3, "cim_node_frames_total": 20,
		"cim_node_calls_failed_total": 5, "cim_node_drain_moved_total": 1, "cim_node_drain_remaining": 1, "cim_node_reconcile_differences_total": 4, "cim_node_send_answers_total": len(proto.Codes()),
	} {
		if series[name] < least {
			t.Errorf("%s has %d series, want %d", name, series[name], least)
		}
	}
}

// onSockets runs a node on real ports until the test ends.
func onSockets(t testing.TB) (w *town, clients, internal string) {
	t.Helper()
	listen := func() net.Listener {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		return ln
	}
	c, i := listen(), listen()
	w = start(t, func(config *Config) { config.Clients, config.Internal, config.CIM.Open = c, i, true })
	return w, c.Addr().String(), i.Addr().String()
}

// One message to everyone, to a client of each kind, each encoded its way.
func TestEveryKindOfClientGetsTheMessage(t *testing.T) {
	w, clients, internal := onSockets(t)
	tcp := dialTCP(t, clients, &proto.Frame{Ticket: w.ticket(t, 1, 5, nil)})
	if f := tcp.next(t); f.Cmd != proto.Command_LOGIN_ANSWER {
		t.Fatalf("got %v", f)
	}

	browser, _, err := websocket.Dial(t.Context(), "ws://"+clients+proto.PathSocket,
		&websocket.DialOptions{Subprotocols: []string{proto.SubprotocolJSON}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = browser.CloseNow() }()
	login := fmt.Sprintf(`{"cmd":"login-request","ticket":%q}`, w.ticket(t, 2, 5, nil))
	if err := browser.Write(t.Context(), websocket.MessageText, []byte(login)); err != nil {
		t.Fatal(err)
	}
	if _, b, err := browser.Read(t.Context()); err != nil || !strings.Contains(string(b), `"cmd":"login-answer"`) {
		t.Fatalf("%s, %v", b, err)
	}

	w.route.store(t, proto.Inbox, 2, 3, "waited") // shows when CIM's connection is open
	cim := dialTCP(t, clients, &proto.Frame{RequestId: 3, ReqMsg: "carol"})
	cim.next(t)

	w.Push(push(&proto.PushItem{Stored: w.route.store(t, proto.Everyone, 4, 0, "hi all")}))
	if f := tcp.next(t); f.ReqMsg != "hi all" {
		t.Errorf("tcp got %v", f)
	}
	if _, b, err := browser.Read(t.Context()); err != nil || !strings.Contains(string(b), `"text":"hi all"`) {
		t.Errorf("browser got %s, %v", b, err)
	}
	if f := cim.next(t); (f.ReqMsg + strings.Join(f.BatchReqMsg, "")) != "hi all" {
		t.Errorf("CIM got %v", f)
	}

	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	answer, err := (&http.Client{Transport: transport}).Get("http://" + internal + proto.PathHealth)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("health: %v, %v", answer, err)
	}
	_ = answer.Body.Close()
}

func dialTCP(t *testing.T, addr string, first *proto.Frame) *peer {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	p := newPeer(conn)
	p.write(t, first)
	return p
}

func TestRunEndsWithItsInternalPort(t *testing.T) {
	issuer, err := token.NewIssuer([]byte("0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	internal := newPipes()
	n, err := New(Config{
		ID: "n1", Clients: newPipes(), Internal: internal, Sessions: new(script), Messages: new(script),
		Verifier: token.NewVerifier(issuer.Public()...), ServiceToken: "secret",
	})
	if err != nil {
		t.Fatal(err)
	}
	_ = internal.Close()
	if err := n.Run(t.Context()); err == nil {
		t.Error("Run returned nil")
	}
}

// sink is a connection in memory that logs in, takes everything and says no more.
type sink struct {
	net.Conn
	login []byte
	once  sync.Once
	done  chan struct{}
}

func (d *sink) Write(p []byte) (int, error) { return len(p), nil }

func (d *sink) Read(p []byte) (int, error) {
	if n := copy(p, d.login); n > 0 {
		d.login = d.login[n:]
		return n, nil
	}
	<-d.done
	return 0, net.ErrClosed
}

func (d *sink) RemoteAddr() net.Addr { return &net.UnixAddr{Name: "drain"} }

func (d *sink) Close() error {
	d.once.Do(func() { close(d.done) })
	return nil
}

// BenchmarkPushEveryone measures a message to everyone on a node with 1,000
// connections. It is decoded and encoded once, and queued and written for each
// connection.
func BenchmarkPushEveryone(b *testing.B) {
	const users = 1000
	w := start(b, func(c *Config) { c.Load = nil })
	for user := range int64(users) {
		login, err := proto.AppendFrame(nil, &proto.Frame{Ticket: w.ticket(b, user+1, 5, nil)})
		if err != nil {
			b.Fatal(err)
		}
		w.ln.conns <- &sink{login: login, done: make(chan struct{})}
	}
	for w.Users() < users {
		waitABit()
	}
	stored := w.route.store(b, proto.Everyone, 1, 0, strings.Repeat("x", 128))
	b.ReportAllocs()
	for b.Loop() {
		w.Push(push(&proto.PushItem{Stored: stored}))
		at := gproto.CloneOf(stored.At)
		at.Number++
		stored = &proto.Stored{At: at, Prev: stored.Key, Key: stored.Key, Entry: stored.Entry} // one that follows
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*users), "ns/delivery")
}
