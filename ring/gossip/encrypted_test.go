package gossip

import (
	"bytes"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/cim-go/cim/ring"
)

// wiretap passes connections on and keeps what went by.
type wiretap struct {
	mu   sync.Mutex
	seen bytes.Buffer
}

func (w *wiretap) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen.Write(b)
}

// first returns the type of the first message that went by, which memberlist writes after
// the cluster's label.
func (w *wiretap) first(t *testing.T, label string) byte {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	b := w.seen.Bytes()
	i := bytes.Index(b, []byte(label))
	if i < 0 || i+len(label) == len(b) {
		t.Fatal("no message with the label went by")
	}
	return b[i+len(label)]
}

// encrypted is memberlist's type of a message that is encrypted as a whole.
const encrypted = 10

// listen returns an address that leads to another one.
func (w *wiretap) listen(t *testing.T, to string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			there, err := net.Dial("tcp", to)
			if err != nil {
				_ = from.Close()
				continue
			}
			pass := func(a, b net.Conn) {
				_, _ = io.Copy(io.MultiWriter(a, w), b)
				_ = a.Close()
			}
			go pass(from, there)
			go pass(there, from)
		}
	}()
	return l.Addr().String()
}

// Each message on the wire begins as an encrypted one if there is a cluster key.
func TestGossipIsEncryptedWheneverThereIsAKey(t *testing.T) {
	for name, keys := range map[string]*ring.Keys{"with a key": ring.NewKeys([]byte("a cluster key of the tests")), "without": ring.NewKeys()} {
		t.Run(name, func(t *testing.T) {
			keyed := func(c *Config) { c.Keys = keys }
			a := startNode(t, "a", keyed)
			var tap wiretap
			at := tap.listen(t, a.Addr())
			b := startNode(t, "b", func(c *Config) {
				keyed(c)
				c.Seeds = []string{at}
			})
			b.awaitMembers(t, "a", "b")
			if kind := tap.first(t, "test"); (kind == encrypted) != (name == "with a key") {
				t.Errorf("the first message has type %d", kind)
			}
		})
	}
}
