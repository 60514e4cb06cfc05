package tlsfile_test

import (
	"bytes"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cim-go/cim/proto/tlsfile"
	"github.com/cim-go/cim/proto/tlsfile/localca"
)

// rotation is a server whose certificate changes from one authority to another, and a file
// of authorities that its clients trust.
type rotation struct {
	t        *testing.T
	old, new *localca.CA
	pair     *tlsfile.Pair
	cert     string // path; the key is beside it
	file     string
	url      string
	release  chan struct{} // closed: the path /long answers
}

func newRotation(t *testing.T) *rotation {
	t.Helper()
	r := &rotation{t: t, old: newCA(t), new: newCA(t), file: filepath.Join(t.TempDir(), "ca.pem"), release: make(chan struct{})}
	cert, key := r.issue(r.old)
	r.cert = cert
	pair, err := tlsfile.Load(cert, key, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.pair = pair
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		_, _ = io.WriteString(w, q.RemoteAddr+"\n")
		if q.URL.Path == "/long" {
			w.(http.Flusher).Flush()
			<-r.release
			_, _ = io.WriteString(w, "end\n")
		}
	}), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(tlsfile.Listen(listener, pair.Server(), true))
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	r.url = "https://" + listener.Addr().String()
	return r
}

func newCA(t *testing.T) *localca.CA {
	t.Helper()
	ca, err := localca.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func (r *rotation) issue(ca *localca.CA) (cert, key string) {
	r.t.Helper()
	cert, key, err := ca.Issue("server", "127.0.0.1")
	if err != nil {
		r.t.Fatal(err)
	}
	return cert, key
}

// show makes the server show a certificate of an authority.
func (r *rotation) show(ca *localca.CA) {
	r.t.Helper()
	cert, key := r.issue(ca)
	for from, to := range map[string]string{cert: r.cert, key: strings.TrimSuffix(r.cert, ".pem") + ".key"} {
		b, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(to, b, 0o600)
		}
		if err != nil {
			r.t.Fatal(err)
		}
	}
	if err := r.pair.Reload(); err != nil {
		r.t.Fatal(err)
	}
}

// trust writes the authorities into the file.
func (r *rotation) trust(of ...*localca.CA) {
	r.t.Helper()
	var all []byte
	for _, ca := range of {
		b, err := os.ReadFile(ca.File)
		if err != nil {
			r.t.Fatal(err)
		}
		all = append(all, b...)
	}
	if err := os.WriteFile(r.file, all, 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// get returns the address that the server saw, or an error.
func (r *rotation) get(client *http.Client) (string, error) {
	answer, err := client.Get(r.url)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	return string(b), err
}

func TestAuthorityIsChangedUnderALiveConnection(t *testing.T) {
	r := newRotation(t)
	r.trust(r.old)
	trust, err := tlsfile.LoadTrust(r.file, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: trust.Transport(new(http.Transport))}
	defer client.CloseIdleConnections()
	reload := func(of ...*localca.CA) {
		t.Helper()
		r.trust(of...)
		if err := trust.Reload(); err != nil {
			t.Fatal(err)
		}
	}
	ok := func(when string) string {
		t.Helper()
		from, err := r.get(client)
		if err != nil {
			t.Errorf("%s: %v", when, err)
		}
		conn, err := tls.Dial("tcp", strings.TrimPrefix(r.url, "https://"), trust.Client())
		if err != nil {
			t.Fatalf("%s: a connection of its own: %v", when, err)
		}
		_ = conn.Close()
		return from
	}

	first := ok("with the old authority")
	if again := ok("once more"); again != first {
		t.Error("requests do not share a connection")
	}
	long, err := client.Get(r.url + "/long")
	if err != nil {
		t.Fatal(err)
	}
	defer long.Body.Close()

	reload(r.old, r.new)
	if again := ok("with both authorities"); again == first {
		t.Error("a request uses a connection of before the change")
	}
	r.show(r.new)
	reload(r.new)
	before := ok("with the new authority")
	close(r.release)
	if b, err := io.ReadAll(long.Body); err != nil || !strings.HasSuffix(string(b), "end\n") {
		t.Errorf("a connection that was open all the time: %q, %v", b, err)
	}

	// The server goes back to the old authority, which nobody trusts any more. The open
	// connection is good, and a new one is not.
	r.show(r.old)
	if from, err := r.get(client); err != nil || from != before {
		t.Errorf("the open connection: %q, %v, want %q", from, err, before)
	}
	client.CloseIdleConnections()
	if from, err := r.get(client); err == nil {
		t.Errorf("a certificate of an authority that was removed is accepted: %q", from)
	}
	if conn, err := tls.Dial("tcp", strings.TrimPrefix(r.url, "https://"), trust.Client()); err == nil {
		_ = conn.Close()
		t.Error("a certificate of an authority that was removed is accepted")
	}
}

func TestBrokenFileOfAuthoritiesChangesNothing(t *testing.T) {
	r := newRotation(t)
	r.trust(r.old)
	var log bytes.Buffer
	trust, err := tlsfile.LoadTrust(r.file, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: trust.Transport(&http.Transport{DisableKeepAlives: true})}
	for _, content := range []string{"", "no certificate"} {
		if err := os.WriteFile(r.file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := trust.Reload(); err == nil {
			t.Errorf("%q is taken for authorities", content)
		}
		if _, err := r.get(client); err != nil {
			t.Errorf("after %q: %v", content, err)
		}
	}
	if _, err := tlsfile.LoadTrust(r.file, nil); err == nil {
		t.Error("a program starts without authorities")
	}
	r.trust(r.new)
	if err := trust.Reload(); err != nil || !strings.Contains(log.String(), "file of authorities was renewed") {
		t.Errorf("%v: %s", err, &log)
	}
	if _, err := r.get(client); err == nil {
		t.Error("a certificate of an authority that was removed is accepted")
	}
}

func TestNoFileIsTheSystemsAuthorities(t *testing.T) {
	r := newRotation(t)
	none, err := tlsfile.LoadTrust("", nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, trust := range map[string]*tlsfile.Trust{"no file": none, "nil": nil} {
		if c := trust.Client(); c.RootCAs != nil || trust.Reload() != nil {
			t.Errorf("%s: %v", name, c.RootCAs)
		}
		if _, err := r.get(&http.Client{Transport: trust.Transport(new(http.Transport))}); err == nil {
			t.Errorf("%s: an authority of the test is trusted", name)
		}
	}
}

func TestChangedAuthoritiesAreTrustedWithinASecond(t *testing.T) {
	r := &rotation{t: t, old: newCA(t), new: newCA(t), file: filepath.Join(t.TempDir(), "ca.pem")}
	synctest.Test(t, func(t *testing.T) {
		r.trust(r.old)
		trust, err := tlsfile.LoadTrust(r.file, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, of := range [][]*localca.CA{{r.old, r.new}, {r.new}} {
			r.trust(of...)
			time.Sleep(time.Second)
			want, err := tlsfile.Roots(r.file)
			if err != nil || !trust.Client().RootCAs.Equal(want) {
				t.Errorf("%d authorities in the file are not those that are trusted: %v", len(of), err)
			}
		}
	})
}
