package records

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cim-go/cim/proto/tlsfile"
	"github.com/cim-go/cim/proto/tlsfile/localca"
)

// configs returns configurations of a server and of its clients.
var configs = sync.OnceValues(func() (server, client *tls.Config) {
	dir, err := os.MkdirTemp("", "records")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	ca, err := localca.New(dir)
	if err != nil {
		panic(err)
	}
	cert, key, err := ca.Issue("node", "example.com")
	if err != nil {
		panic(err)
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		panic(err)
	}
	roots, err := tlsfile.Roots(ca.File)
	if err != nil {
		panic(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}}, &tls.Config{RootCAs: roots, ServerName: "example.com"}
})

// line is a Socket over a connection. What is sealed goes out at once.
type line struct {
	net.Conn
	sealed bytes.Buffer // instead, once it is held
	held   bool
	first  []byte // what was sealed first
}

func (s *line) Await(b []byte) (int, error)     { return s.Read(b) }
func (s *line) Addrs() (local, remote net.Addr) { return s.LocalAddr(), s.RemoteAddr() }

func (s *line) Sealed(b []byte) {
	if s.first == nil {
		s.first = bytes.Clone(b)
	}
	if s.held {
		s.sealed.Write(b)
		return
	}
	_, _ = s.Write(b)
}

// tap is a client's connection whose writes are kept once it is held.
type tap struct {
	net.Conn
	sent bytes.Buffer
	held bool
}

func (c *tap) Write(b []byte) (int, error) {
	if c.held {
		return c.sent.Write(b)
	}
	return c.Conn.Write(b)
}

// world is both ends of a connection whose handshake is complete.
type world struct {
	conn   Conn
	socket *line
	client *tls.Conn
	wire   *tap
	hello  []byte // the client's first message
}

func shake(t *testing.T, server, client *tls.Config) *world {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	dialed, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = dialed.Close(), accepted.Close() })
	w := &world{socket: &line{Conn: accepted}, wire: &tap{Conn: dialed}}
	w.client = tls.Client(w.wire, client)
	failed := make(chan error, 1)
	go func() { failed <- w.client.Handshake() }()
	var head []byte
	for b := make([]byte, 100); !Begun(head); {
		n, err := accepted.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		head = append(head, b[:n]...)
	}
	w.hello = bytes.Clone(head[headSize:])
	w.conn.Prepare(server, head, w.socket)
	if err := errors.Join(w.conn.Handshake(), <-failed); err != nil {
		t.Fatal(err)
	}
	if got := w.drain(t); got != "" {
		t.Fatalf("got %q", got)
	}
	w.socket.held, w.wire.held = true, true
	return w
}

func (w *world) drain(t *testing.T) string {
	t.Helper()
	var got collected
	if err := w.conn.Drain(make([]byte, 16<<10), got.use); err != nil {
		t.Fatal(err)
	}
	return got.String()
}

// collected is what use is called with.
type collected struct{ bytes.Buffer }

func (c *collected) use(b []byte) error {
	c.Write(b)
	return nil
}

// open opens b in pieces that end at these places.
func (w *world) open(b []byte, ends ...int) (string, error) {
	var got collected
	from := 0
	for _, end := range append(ends, len(b)) {
		if err := w.conn.Open(bytes.Clone(b[from:end]), make([]byte, 16<<10), got.use); err != nil {
			return got.String(), err
		}
		from = end
	}
	return got.String(), nil
}

func TestRecordsAreOpenedWhereverTheyAreCut(t *testing.T) {
	server, client := configs()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		client := client.Clone()
		client.MaxVersion = version
		w := shake(t, server, client)
		for cut := 0; ; cut++ {
			want := "hello, " + strings.Repeat("x", 40)
			for _, text := range []string{want[:7], want[7:]} {
				if _, err := io.WriteString(w.client, text); err != nil {
					t.Fatal(err)
				}
			}
			sent := bytes.Clone(w.wire.sent.Bytes())
			w.wire.sent.Reset()
			if got, err := w.open(sent, min(cut, len(sent))); got != want || err != nil {
				t.Fatalf("%s, cut at %d of %d: %q, %v", tls.VersionName(version), cut, len(sent), got, err)
			}
			if cut == len(sent) {
				break
			}
		}
		long := strings.Repeat("0123456789", 5000)
		if _, err := io.WriteString(w.client, long); err != nil {
			t.Fatal(err)
		}
		var each []int
		for i := range w.wire.sent.Len() {
			each = append(each, i)
		}
		if got, err := w.open(w.wire.sent.Bytes(), each...); got != long || err != nil {
			t.Errorf("byte by byte: %d bytes, %v", len(got), err)
		}
	}
}

func TestEndOfSendingIsToldBothWays(t *testing.T) {
	server, client := configs()
	w := shake(t, server, client)
	if _, err := io.WriteString(w.client, "bye"); err != nil {
		t.Fatal(err)
	}
	if err := w.client.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := w.open(w.wire.sent.Bytes()); got != "bye" || err != io.EOF {
		t.Errorf("got %q, %v", got, err)
	}
	if err := errors.Join(w.conn.Seal([]byte("see you")), w.conn.CloseWrite(), w.conn.CloseWrite()); err != nil {
		t.Fatal(err)
	}
	_, _ = w.socket.Write(w.socket.sealed.Bytes())
	if b, err := io.ReadAll(w.client); string(b) != "see you" || err != nil {
		t.Errorf("the client got %q, %v", b, err)
	}
}

func TestBrokenRecordIsAnsweredWithAnAlert(t *testing.T) {
	server, client := configs()
	w := shake(t, server, client)
	if _, err := io.WriteString(w.client, "hello"); err != nil {
		t.Fatal(err)
	}
	sent := w.wire.sent.Bytes()
	sent[len(sent)-1] ^= 1
	if got, err := w.open(sent); got != "" || !errors.Is(err, ErrRefused) {
		t.Errorf("got %q, %v", got, err)
	}
	_, _ = w.socket.Write(w.socket.sealed.Bytes())
	var alert *net.OpError
	if _, err := w.client.Read(make([]byte, 1)); !errors.As(err, &alert) || alert.Op != "remote error" {
		t.Errorf("the client got %v", err)
	}
}

func TestErrorOfTheOwnerIsReturned(t *testing.T) {
	server, client := configs()
	w := shake(t, server, client)
	if _, err := io.WriteString(w.client, "hello"); err != nil {
		t.Fatal(err)
	}
	want := errors.New("no more")
	if err := w.conn.Open(w.wire.sent.Bytes(), make([]byte, 16<<10), func([]byte) error { return want }); err != want {
		t.Errorf("got %v", err)
	}
}

// A record costs one small allocation of crypto/tls.
func TestOpenAllocatesLittle(t *testing.T) {
	server, client := configs()
	w := shake(t, server, client)
	const runs = 100
	var all [][]byte
	for range runs + 1 {
		w.wire.sent.Reset()
		if _, err := io.WriteString(w.client, "ping"); err != nil {
			t.Fatal(err)
		}
		all = append(all, bytes.Clone(w.wire.sent.Bytes()))
	}
	buf, use, next := make([]byte, 16<<10), func([]byte) error { return nil }, 0
	got := testing.AllocsPerRun(runs, func() {
		if err := w.conn.Open(all[next], buf, use); err != nil {
			t.Error(err)
		}
		next++
	})
	if got > 1 {
		t.Errorf("opening a record allocates %v times", got)
	}
}

func TestFirstRecordIsSplit(t *testing.T) {
	for n, want := range map[int][]int{3: {3}, 4: {1, 1, 1, 1}, 10: {3, 3, 3, 1}, 1500: {375, 375, 375, 375}} {
		b := append([]byte{22, 3, 1, byte(n >> 8), byte(n)}, bytes.Repeat([]byte("x"), n)...)
		for cut := range b {
			if Begun(b[:cut]) || len(split(b[:cut])) != cut {
				t.Fatalf("%d bytes of a record of %d bytes are whole", cut, n)
			}
		}
		var got []int
		rest := split(append(b, 23, 3, 3, 0, 1, 'y'))
		for len(rest) > 0 {
			var c cut
			k := c.next(rest)
			got, rest = append(got, k-headSize), rest[k:]
		}
		if want := append(want, 1); !slices.Equal(got, want) {
			t.Errorf("a record of %d bytes: %v, want %v", n, got, want)
		}
	}
	if b := []byte{22, 3, 1, 0xff, 0xff}; !Begun(b) || !bytes.Equal(split(b), b) {
		t.Error("a record is awaited that TLS refuses")
	}
}
