package tlsfile

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"path/filepath"
	"testing"
	"time"
)

// resumes connects to a server and reports whether that resumed the session in the
// client's cache.
func resumes(t *testing.T, server, client *tls.Config) bool {
	t.Helper()
	ln, err := tls.Listen("tcp", "127.0.0.1:0", server)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	served := make(chan error, 1)
	go func() {
		conn, err := ln.Accept()
		if err == nil {
			_, err = conn.Write([]byte("x"))
			err = errors.Join(err, conn.Close())
		}
		served <- err
	}()
	conn, err := tls.Dial("tcp", ln.Addr().String(), client)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.ReadAll(conn); err != nil {
		t.Fatal(err)
	}
	if err := <-served; err != nil {
		t.Fatal(err)
	}
	return conn.ConnectionState().DidResume
}

func TestTicketsAreSharedByTheirSecrets(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writePair(t, cert, key, 1)
	p, err := Load(cert, key, nil)
	if err != nil {
		t.Fatal(err)
	}
	server := func(at time.Time, secrets string) *tls.Config { // one letter each
		c := p.Server()
		(&tickets{config: c}).renew(bytes.Fields([]byte(secrets)), at)
		return c
	}
	now := time.Now()
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for name, c := range map[string]struct {
			first, second string
			later         time.Duration
			want          bool
		}{
			"the same secret":           {"a", "a", 0, true},
			"after the next change":     {"a", "a", ticketLife, true},
			"two changes later":         {"a", "a", 2 * ticketLife, false},
			"other secrets":             {"a", "b", 0, false},
			"the new one not yet first": {"a", "b a", 0, true},
			"the old one given up":      {"a b", "b", 0, false},
			"none":                      {"", "", 0, false},
		} {
			client := &tls.Config{
				InsecureSkipVerify: true, ServerName: "node", MaxVersion: version, ClientSessionCache: tls.NewLRUClientSessionCache(1),
			}
			first := server(now, c.first)
			if resumes(t, first, client) {
				t.Errorf("%s: resumed what never was", name)
			}
			if !resumes(t, first, client) {
				t.Errorf("%s: the same server does not resume", name)
			}
			if got := resumes(t, server(now.Add(c.later), c.second), client); got != c.want {
				t.Errorf("%s, %s: resumed %v", tls.VersionName(version), name, got)
			}
		}
	}
}

// A server follows its secrets and the time by itself.
func TestTicketsFollowTheSecrets(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writePair(t, cert, key, 1)
	p, err := Load(cert, key, nil)
	if err != nil {
		t.Fatal(err)
	}
	secrets := [][]byte{[]byte("a")}
	server := p.Server()
	ShareTickets(server, func() [][]byte { return secrets })
	client := &tls.Config{InsecureSkipVerify: true, ServerName: "node", ClientSessionCache: tls.NewLRUClientSessionCache(1)}
	for i, want := range []bool{false, true, false, true} {
		if i == 2 {
			secrets = [][]byte{[]byte("b")}
		}
		if got := resumes(t, server, client); got != want {
			t.Errorf("connection %d: resumed %v", i, got)
		}
	}
}

// The clock of one server may be ahead of another's.
func TestTicketsOfAClockThatIsAheadAreOpened(t *testing.T) {
	secret := [][]byte{[]byte("a")}
	sealed := ticketKeys(secret, 8)[0]
	if keys := ticketKeys(secret, 7); keys[0] == sealed || keys[2] != sealed {
		t.Error("the key of the next period is not among those that open")
	}
}

func TestCurvesAreTakenByTheirNames(t *testing.T) {
	var c Curves
	if err := c.Set("X25519, P256,X25519"); err != nil || c.String() != "X25519,P256" {
		t.Errorf("got %s, %v", &c, err)
	}
	for _, wrong := range []string{"", "x25519", "X25519,"} {
		if c.Set(wrong) == nil {
			t.Errorf("%q was taken", wrong)
		}
	}
}
