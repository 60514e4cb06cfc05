package tlsfile

import (
	"bufio"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/tlsfile/localca"
)

// world is a server behind Listen, and what its clients need.
type world struct {
	addr   string
	client *tls.Config
}

func serve(t *testing.T, only bool) world {
	t.Helper()
	ca, err := localca.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	cert, key, err := ca.Issue("server", "127.0.0.1", "localhost")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := Load(cert, key, nil)
	if err != nil {
		t.Fatal(err)
	}
	client, err := Client(ca.File)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		_, _ = w.Write(b)
	}))
	server.Listener = Listen(server.Listener, pair.Server(), only)
	server.Config.ReadHeaderTimeout = 10 * time.Second
	server.Start()
	t.Cleanup(server.Close)
	return world{addr: server.Listener.Addr().String(), client: client}
}

func (w world) post(t *testing.T, scheme string) (*http.Response, string, error) {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: w.client.Clone()}
	defer transport.CloseIdleConnections()
	answer, err := (&http.Client{Transport: transport}).Post(scheme+"://"+w.addr, "text/plain", strings.NewReader("hi"))
	if err != nil {
		return nil, "", err
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	return answer, string(b), err
}

func TestOnePortTakesBothForms(t *testing.T) {
	w := serve(t, false)
	for _, scheme := range []string{"http", "https"} {
		if _, body, err := w.post(t, scheme); err != nil || body != "hi" {
			t.Errorf("%s: %q, %v", scheme, body, err)
		}
	}
}

func TestPlainCallerIsToldWhyItIsRefused(t *testing.T) {
	w := serve(t, true)
	if _, body, err := w.post(t, "https"); err != nil || body != "hi" {
		t.Errorf("https: %q, %v", body, err)
	}
	answer, body, err := w.post(t, "http")
	if err != nil {
		t.Fatal(err)
	}
	var failed proto.ErrorAnswer
	if err := json.Unmarshal([]byte(body), &failed); err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != http.StatusForbidden || failed.Code != proto.NeedsTLS || !strings.Contains(failed.Message, "-tls-only") {
		t.Errorf("%d %s", answer.StatusCode, body)
	}
}

// TestOldSuitesAndVersionsAreRefused lists what a client may offer, and whether a server
// takes it.
func TestOldSuitesAndVersionsAreRefused(t *testing.T) {
	w := serve(t, true)
	for name, c := range map[string]struct {
		version uint16
		suite   uint16
		taken   bool
	}{
		"1.1":            {tls.VersionTLS11, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, false},
		"1.2 with CBC":   {tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, false},
		"1.2 with GCM":   {tls.VersionTLS12, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, true},
		"1.3 of default": {tls.VersionTLS13, 0, true},
	} {
		config := &tls.Config{RootCAs: w.client.RootCAs, MinVersion: c.version, MaxVersion: c.version}
		if c.suite != 0 {
			config.CipherSuites = []uint16{c.suite}
		}
		conn, err := tls.Dial("tcp", w.addr, config)
		if (err == nil) != c.taken {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			conn.Close()
		}
	}
}

// A connection that sends nothing is closed without a wait for its first byte.
func TestCloseDoesNotWaitForAHandshake(t *testing.T) {
	a, b := net.Pipe()
	defer b.Close()
	conn := &Conn{Conn: a, listener: &listener{}}
	ended := make(chan error, 1)
	go func() {
		_, err := bufio.NewReader(conn).ReadByte()
		ended <- err
	}()
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err == nil || errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the read ended with %v", err)
	}
}
