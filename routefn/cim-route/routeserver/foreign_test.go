package routeserver

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/process"
	"github.com/cim-go/cim/ring"
	"github.com/cim-go/cim/ring/seed"
	"github.com/cim-go/cim/routefn/identity/jwt"
)

func TestFlagsOfForeignTokens(t *testing.T) {
	who := []string{"-jwt-issuer", "host", "-jwt-audience", "chat"}
	const secret = "a secret of more than thirty-two bytes"
	for args, right := range map[string]bool{
		"-auth jwt -jwt-key " + secret:                 true,
		"-auth jwt -jwt-jwks https://example.org/keys": true,
		"-auth jwt": false,
		"-auth jwt -jwt-key k -jwt-jwks https://example.org/keys":        false,
		"-auth jwt -jwt-jwks http://example.org/keys":                    false,
		"-auth jwt -jwt-jwks https:///keys":                              false,
		"-auth jwt -jwt-jwks https://example.org/keys -jwt-jwks-stale 0": false,
		"-auth jwt -jwt-jwks https://example.org/keys -jwt-name=":        false,
		"-auth password":                false,
		"-auth open -jwt-key " + secret: false,
		"-auth jwt -egress-allow 10.0.0.0/8,::1 -jwt-jwks https://10.0.0.1": true,
	} {
		given := strings.Split(strings.ReplaceAll(args, secret, strings.ReplaceAll(secret, " ", "_")), " ")
		err := parsed(t, append(given, who...)...).check()
		if (err == nil) != right || err != nil && !errors.Is(err, process.ErrUsage) {
			t.Errorf("%s: %v", args, err)
		}
	}
	for _, lacking := range [][]string{{"-jwt-issuer", "host"}, {"-jwt-audience", "chat"}, nil} {
		if err := parsed(t, append(lacking, "-auth", "jwt", "-jwt-key", secret)...).check(); !errors.Is(err, process.ErrUsage) {
			t.Errorf("with %v alone: %v", lacking, err)
		}
	}
	if err := parsed(t).check(); err != nil {
		t.Errorf("without any: %v", err)
	}
}

// host is a system that knows users, with its keys at a URL.
type host struct {
	t       *testing.T
	private ed25519.PrivateKey
	ca      string
	server  *httptest.Server
}

func newHost(t *testing.T) *host {
	t.Helper()
	h := &host{t: t}
	h.rotate()
	h.server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		x := base64.RawURLEncoding.EncodeToString(h.private.Public().(ed25519.PublicKey))
		fmt.Fprintf(w, `{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": %q}]}`, x)
	}))
	t.Cleanup(h.server.Close)
	h.ca = filepath.Join(t.TempDir(), "ca.pem")
	h.write(h.ca, "CERTIFICATE", h.server.Certificate().Raw)
	return h
}

func (h *host) rotate() {
	h.t.Helper()
	var err error
	if _, h.private, err = ed25519.GenerateKey(rand.Reader); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) write(path, kind string, der []byte) {
	h.t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) writePublic(path string) {
	h.t.Helper()
	der, err := x509.MarshalPKIXPublicKey(h.private.Public())
	if err != nil {
		h.t.Fatal(err)
	}
	h.write(path, "PUBLIC KEY", der)
}

// token is one for alice.
func (h *host) token() string {
	h.t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(h.private)
	if err != nil {
		h.t.Fatal(err)
	}
	s, err := jwt.NewSigner(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	if err != nil {
		h.t.Fatal(err)
	}
	token, err := s.Sign(jwt.Claims{Issuer: "host", Audience: "chat", Subject: "alice", Issued: time.Now(), Expires: time.Now().Add(time.Minute)})
	if err != nil {
		h.t.Fatal(err)
	}
	return token
}

// members serves the members of a cluster with one node, and returns the address.
func members(t *testing.T) string {
	t.Helper()
	table := ring.NewTable()
	table.Set([]ring.Member{{ID: "n1", Boot: 1, Client: "127.0.0.1:1", HTTP: "127.0.0.1:2", Weight: 1, State: ring.Serving}})
	s := httptest.NewServer(seed.Handler(table, ring.NewKeys([]byte(clusterKey)), nil))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

func newForeignFunction(t *testing.T, log *bytes.Buffer, args ...string) *function {
	t.Helper()
	return newFunction(t, log, append([]string{
		"-redis", "embedded", "-cluster-key", clusterKey, "-ring", "seed:" + members(t),
		"-auth", "jwt", "-jwt-issuer", "host", "-jwt-audience", "chat",
	}, args...)...)
}

func loginWith(t *testing.T, token string) string {
	t.Helper()
	b, err := json.Marshal(proto.LoginRequest{JWT: token, Device: "phone"})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestFunctionFetchesTheKeysOfTokens(t *testing.T) {
	h := newHost(t)
	var log bytes.Buffer
	f := newForeignFunction(t, &log, "-jwt-jwks", h.server.URL, "-egress-allow", "127.0.0.1", "-egress-tls-ca", h.ca)
	if status, answer := ask(t, f, "POST", proto.PathLogin, loginWith(t, h.token())); status != http.StatusOK {
		t.Fatalf("login: %d %v\n%s", status, answer, log.String())
	}
	h.rotate()
	if status, answer := ask(t, f, "POST", proto.PathLogin, loginWith(t, h.token())); status != http.StatusUnauthorized || answer.Code != proto.Unauthorized {
		t.Errorf("login by a key that is not known: %d %v", status, answer)
	}
}

func TestKeysArePrivateOnlyWithLeave(t *testing.T) {
	h := newHost(t)
	var log bytes.Buffer
	f := newForeignFunction(t, &log, "-jwt-jwks", h.server.URL, "-egress-tls-ca", h.ca)
	status, answer := ask(t, f, "POST", proto.PathLogin, loginWith(t, h.token()))
	if status != http.StatusServiceUnavailable || answer.Code != proto.Unavailable {
		t.Errorf("login: %d %v", status, answer)
	}
	if !strings.Contains(log.String(), "-egress-allow") {
		t.Errorf("the log does not say why:\n%s", log.String())
	}
}

func TestFunctionReadsTheKeysOfTokens(t *testing.T) {
	h := newHost(t)
	path := filepath.Join(t.TempDir(), "public.pem")
	h.writePublic(path)
	var log bytes.Buffer
	f := newForeignFunction(t, &log, "-jwt-key", "file:"+path)
	if status, answer := ask(t, f, "POST", proto.PathLogin, loginWith(t, h.token())); status != http.StatusOK {
		t.Errorf("login: %d %v\n%s", status, answer, log.String())
	}
	h.rotate()
	if status, _ := ask(t, f, "POST", proto.PathLogin, loginWith(t, h.token())); status != http.StatusUnauthorized {
		t.Errorf("login by another key: %d", status)
	}
}

func TestKeysOfTokensAreReadAgain(t *testing.T) {
	h := newHost(t)
	path := filepath.Join(t.TempDir(), "public.pem")
	h.writePublic(path)
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	p := &foreign{fixed: jwt.NewFixed()}
	v, err := jwt.New(jwt.Config{Issuer: "host", Audience: "chat", Keys: p.fixed})
	if err != nil {
		t.Fatal(err)
	}
	again := func(want bool) {
		t.Helper()
		if err := p.again("file:"+path, logger); (err == nil) != want {
			t.Errorf("read again: %v", err)
		}
	}
	again(true)
	old := h.token()
	h.rotate()
	next := h.token()
	wants := func(token string, want bool) {
		t.Helper()
		if _, err := v.Verify(t.Context(), token); (err == nil) != want {
			t.Errorf("verify: %v, want %v", err, want)
		}
	}
	wants(old, true)
	wants(next, false)
	h.writePublic(path)
	again(true)
	again(true)
	wants(old, false)
	wants(next, true)
	if n := strings.Count(log.String(), "keys were changed"); n != 2 {
		t.Errorf("told %d times:\n%s", n, log.String())
	}
	if err := os.WriteFile(path, []byte("too short"), 0o600); err != nil {
		t.Fatal(err)
	}
	again(false)
	wants(next, true)
	if err := (*foreign)(nil).again("", logger); err != nil {
		t.Errorf("another mode: %v", err)
	}
}
