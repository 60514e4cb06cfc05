package routeserver

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/cim-go/cim/proto/ports"
	"github.com/cim-go/cim/proto/process"
	"github.com/cim-go/cim/proto/tlsfile"
	"github.com/cim-go/cim/proto/tlsfile/localca"
	"github.com/cim-go/cim/proto/wait"
)

// begin runs a route with an embedded store until the test ends.
func begin(t *testing.T, log io.Writer, args ...string) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- Run(ctx, append([]string{"-redis", "embedded", "-auth", "open", "-ring", "seed:" + ports.ForTest(t)}, args...), log)
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

// authority returns an authority that makes certificates for 127.0.0.1, and a client
// that trusts it.
func authority(t *testing.T) (*localca.CA, *http.Client) {
	t.Helper()
	ca, err := localca.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	config, err := tlsfile.Client(ca.File)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}
	return ca, &http.Client{Transport: transport}
}

func issue(t *testing.T, ca *localca.CA, name string) (cert, key string) {
	t.Helper()
	cert, key, err := ca.Issue(name, "127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// get returns the answer with its body, or nil while there is none.
func get(t *testing.T, client *http.Client, url string) (*http.Response, string) {
	t.Helper()
	r, err := client.Get(url)
	if err != nil {
		return nil, err.Error()
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	return r, string(b)
}

func awaitAlive(t *testing.T, client *http.Client, base string) {
	t.Helper()
	wait.Until(t, base+" is alive", func() bool {
		r, _ := get(t, client, base+"/healthz")
		return r != nil && r.StatusCode == http.StatusOK
	})
}

func TestRouteSpeaksTLSAndTellsBrowsersOnlyThere(t *testing.T) {
	ca, client := authority(t)
	cert, key := issue(t, ca, "route")
	at := ports.ForTest(t)
	begin(t, io.Discard, "-listen", at, "-tls-cert", cert, "-tls-key", key, "-hsts", "1h")
	awaitAlive(t, client, "https://"+at)
	for scheme, want := range map[string]string{"https": "max-age=3600", "http": ""} {
		r, text := get(t, client, scheme+"://"+at+"/")
		if r == nil || r.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s", scheme, text)
		}
		if got := r.Header.Get("Strict-Transport-Security"); got != want {
			t.Errorf("%s: HSTS %q, want %q", scheme, got, want)
		}
	}
	if r, _ := get(t, http.DefaultClient, "https://"+at+"/"); r != nil {
		t.Error("a client that does not know the authority was content")
	}
}

func TestRouteWithTLSOnlyRefusesPlainRequests(t *testing.T) {
	ca, client := authority(t)
	cert, key := issue(t, ca, "route")
	at := ports.ForTest(t)
	begin(t, io.Discard, "-listen", at, "-tls-cert", cert, "-tls-key", key, "-tls-only")
	awaitAlive(t, client, "https://"+at)
	r, err := client.Post("http://"+at+"/v1/register", "application/json", strings.NewReader(`{"name":"alice"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	if b, _ := io.ReadAll(r.Body); r.StatusCode != http.StatusForbidden || !strings.Contains(string(b), "-tls-only") {
		t.Errorf("%d %s", r.StatusCode, b)
	}
}

// After SIGHUP the files are read at once. Without it they are read within a second.
func TestRouteServesTheNewCertificateAfterSIGHUP(t *testing.T) {
	ca, client := authority(t)
	cert, key := issue(t, ca, "route")
	at := ports.ForTest(t)
	var log lines
	begin(t, &log, "-listen", at, "-tls-cert", cert, "-tls-key", key)
	awaitAlive(t, client, "https://"+at)
	serial := func() string {
		r, text := get(t, client, "https://"+at+"/healthz")
		if r == nil {
			t.Fatal(text)
		}
		return r.TLS.PeerCertificates[0].SerialNumber.String()
	}
	before := serial()
	issue(t, ca, "route") // another one, in the same files
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Signal(syscall.SIGHUP)
	}
	if err != nil {
		t.Fatal(err)
	}
	wait.Until(t, "the new certificate is served", func() bool { return serial() != before })
	wait.Until(t, "the log says so", func() bool { return strings.Contains(log.String(), "certificate was renewed") })
}

func TestInternalListenerHasWhatClientsNeedNot(t *testing.T) {
	ca, client := authority(t)
	cert, key := issue(t, ca, "route")
	clients, internal := ports.ForTest(t), ports.ForTest(t)
	begin(t, io.Discard, "-listen", clients, "-internal-listen", internal, "-internal-tls-cert", cert, "-internal-tls-key", key,
		"-cluster-key", "a key of the tests")
	awaitAlive(t, client, "https://"+internal)
	awaitAlive(t, client, "http://"+clients)
	for path, c := range map[string]struct{ clients, internal int }{
		"/":             {http.StatusOK, http.StatusNotFound},
		"/v1/online":    {http.StatusUnauthorized, http.StatusNotFound},
		"/onlineUser":   {http.StatusServiceUnavailable, http.StatusNotFound}, // no node is there
		"/metrics":      {http.StatusNotFound, http.StatusOK},
		"/v1/members":   {http.StatusNotFound, http.StatusServiceUnavailable}, // no node is there
		"/node/keys":    {http.StatusNotFound, http.StatusUnauthorized},
		"/node/stream":  {http.StatusNotFound, http.StatusUnauthorized},
		"/healthz":      {http.StatusOK, http.StatusOK},
		"/readyz":       {http.StatusServiceUnavailable, http.StatusServiceUnavailable},
		"/debug/pprof/": {http.StatusNotFound, http.StatusOK},
	} {
		for base, want := range map[string]int{"http://" + clients: c.clients, "https://" + internal: c.internal} {
			if r, text := get(t, client, base+path); r == nil || r.StatusCode != want {
				t.Errorf("%s%s: %s, want %d", base, path, text, want)
			}
		}
	}
	if _, text := get(t, client, "http://"+clients+"/readyz"); text != "not ready\n" {
		t.Errorf("clients read why the route is not ready: %s", text)
	}
	if _, text := get(t, client, "https://"+internal+"/readyz"); !strings.Contains(text, "members") {
		t.Errorf("operators do not read why the route is not ready: %s", text)
	}
}

// Profiles are at the internal listener of a cluster with a key, or where -pprof says, and
// never at the listener for clients.
func TestProfilesAreWhereClientsAreNot(t *testing.T) {
	const keyed = "-cluster-key 0123456789abcdef "
	own := ports.ForTest(t)
	for args, c := range map[string]struct{ clients, internal, own int }{
		"":                                       {clients: 404},
		keyed:                                    {clients: 404},
		keyed + "-internal-listen same":          {clients: 404},
		"-internal-listen AT":                    {clients: 404, internal: 404},
		"-internal-listen AT -pprof internal":    {clients: 404, internal: 200},
		keyed + "-internal-listen AT":            {clients: 404, internal: 200},
		keyed + "-internal-listen AT -pprof off": {clients: 404, internal: 404},
		keyed + "-internal-listen AT -pprof " + own: {clients: 404, internal: 404, own: 200},
		"-pprof " + own: {clients: 404, own: 200},
	} {
		t.Run(args, func(t *testing.T) {
			clients, internal := ports.ForTest(t), ports.ForTest(t)
			begin(t, io.Discard, strings.Fields("-listen "+clients+" "+strings.ReplaceAll(args, "AT", internal))...)
			awaitAlive(t, http.DefaultClient, "http://"+clients)
			for at, want := range map[string]int{clients: c.clients, internal: c.internal, own: c.own} {
				for _, path := range []string{"/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/goroutine?debug=2"} {
					if want == 0 {
						continue
					}
					wait.Until(t, at+path, func() bool {
						r, _ := get(t, http.DefaultClient, "http://"+at+path)
						return r != nil && r.StatusCode == want
					})
				}
			}
			if r, text := get(t, http.DefaultClient, "http://"+own+"/debug/pprof/"); c.own == 0 && r != nil {
				t.Errorf("profiles at an address that nobody named: %s", text)
			}
		})
	}
}

func TestListenersThatNeedAWordOfTheOperator(t *testing.T) {
	const key, cert = "-cluster-key 0123456789abcdef ", "-tls-cert c -tls-key k "
	for args, want := range map[string]string{
		"-listen 0.0.0.0:1":                                                   "-cluster-key",
		key + "-listen 0.0.0.0:1":                                             "-internal-listen same",
		key + "-listen 192.0.2.1:1 -internal-listen 10.0.0.1":                 "want host:port or same",
		"-listen 127.0.0.1:1 -internal-listen 0.0.0.0:1":                      "-cluster-key",
		"-listen 127.0.0.1:1 -tls-cert c":                                     "-tls-key",
		"-listen 127.0.0.1:1 -internal-tls-key k":                             "-internal-tls-cert",
		"-listen 127.0.0.1:1 -tls-only":                                       "-tls-cert",
		"-listen 127.0.0.1:1 -hsts -1h " + cert:                               "-hsts",
		key + cert + "-listen 0.0.0.0:1 -tls-only -internal-listen 0.0.0.0:2": "-internal-tls-cert",
		"-listen 127.0.0.1:1 " + cert:                                         "no such file",
		"-listen 127.0.0.1:1 -node-tls-ca nowhere":                            "-node-tls-ca",
		"-listen 127.0.0.1:1 -pprof internal":                                 "-internal-listen",
		key + "-listen 127.0.0.1:1 -internal-listen same -pprof internal":     "-internal-listen",
	} {
		err := Run(t.Context(), append(strings.Fields(args), "-redis", "embedded"), io.Discard)
		if !errors.Is(err, process.ErrUsage) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error that names %s", args, err, want)
		}
	}
}
