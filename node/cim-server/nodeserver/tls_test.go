package nodeserver

import (
	"crypto/tls"
	"log/slog"
	"testing"

	"github.com/cim-go/cim/proto/process"
	"github.com/cim-go/cim/proto/tlsfile"
	"github.com/cim-go/cim/proto/tlsfile/localca"
	"github.com/cim-go/cim/ring"
)

// Nodes with the same cluster key resume each other's sessions.
func TestSessionIsResumedAtAnotherNodeOfTheCluster(t *testing.T) {
	ca, err := localca.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := ca.Issue("node", "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	roots, err := tlsfile.Roots(ca.File)
	if err != nil {
		t.Fatal(err)
	}
	resumed := make(chan bool, 1)
	listen := func(keys ...[]byte) string {
		f := &flags{tls: process.TLS{Cert: cert, Key: key, Curves: tlsfile.Curves{tls.X25519}}}
		if err := f.tls.Load(slog.New(slog.DiscardHandler)); err != nil {
			t.Fatal(err)
		}
		config := (&server{flags: f, keys: ring.NewKeys(keys...)}).clientTLS()
		config.VerifyConnection = func(c tls.ConnectionState) error {
			resumed <- c.DidResume
			return nil
		}
		ln, err := tls.Listen("tcp", "127.0.0.1:0", config)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = ln.Close() })
		go func() {
			for {
				conn, err := ln.Accept()
				if err != nil {
					return
				}
				_, _ = conn.Write([]byte("x"))
				_ = conn.Close()
			}
		}()
		return ln.Addr().String()
	}
	one, two := []byte("secret of this cluster"), []byte("another secret")
	first, second, stranger, alone := listen(one), listen(two, one), listen(two), listen()
	client := &tls.Config{RootCAs: roots, ClientSessionCache: tls.NewLRUClientSessionCache(1)}
	for i, c := range []struct {
		at   string
		want bool
	}{{first, false}, {first, true}, {second, true}, {stranger, true}, {alone, false}, {alone, true}, {first, false}} {
		conn, err := tls.Dial("tcp", c.at, client)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		if curve := conn.ConnectionState().CurveID; curve != tls.X25519 {
			t.Errorf("the curve is %v", curve)
		}
		_ = conn.Close()
		if got := <-resumed; got != c.want {
			t.Errorf("connection %d: resumed %v", i, got)
		}
	}
	if (&server{flags: new(flags)}).clientTLS() != nil {
		t.Error("without a certificate there is TLS")
	}
}
