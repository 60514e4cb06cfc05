package record

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cim-go/cim/proto/tlsfile/localca"
	"github.com/cim-go/cim/routefn/record/redistest"
)

// secure returns a TLS for servers. If open is set, they ask clients for no
// certificate.
func secure(t *testing.T, open bool) *redistest.TLS {
	t.Helper()
	ca, err := localca.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	made, err := redistest.NewTLS(ca, open)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// changed returns a URL with another value of an option, or without the option if value
// is empty.
func changed(t *testing.T, raw, option, value string) string {
	t.Helper()
	base, query, _ := strings.Cut(raw, "?")
	options, err := url.ParseQuery(query)
	if err != nil {
		t.Fatal(err)
	}
	options.Del(option)
	if value != "" {
		options.Set(option, value)
	}
	if option == "cert" {
		options.Del("key")
	}
	return base + "?" + options.Encode()
}

func TestStoreSpeaksTLS(t *testing.T) {
	for name, open := range map[string]bool{"with a certificate of the client": false, "without": true} {
		t.Run(name, func(t *testing.T) {
			server, err := redistest.Redis(t.Context(), redistest.Config{Dir: t.TempDir(), TLS: secure(t, open)})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(server.Stop)
			s := dial(t, Config{URL: server.URL()})
			alice, bob := register(t, s, "alice"), register(t, s, "bob")
			stored(t, s, private(alice, bob, "over-tls"))

			for why, c := range map[string]struct {
				url  string
				good bool
			}{
				"plain":                 {"redis://" + server.Addr(), false},
				"of another authority":  {changed(t, server.URL(), "ca", ""), false},
				"of another name":       {changed(t, server.URL(), "server_name", "cache.example.org"), false},
				"of its other name":     {changed(t, server.URL(), "server_name", "localhost"), true},
				"without a certificate": {changed(t, server.URL(), "cert", ""), open},
			} {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				other, err := Dial(ctx, Config{URL: c.url})
				cancel()
				if (err == nil) != c.good || err != nil && !errors.Is(err, ErrUnavailable) {
					t.Errorf("%s: %v", why, err)
				}
				if err == nil {
					_ = other.Close()
				}
			}
		})
	}
}

func TestSentinelsAndClusterSpeakTLS(t *testing.T) {
	for name, start := range map[string]func() (string, func(), error){
		"sentinel": func() (string, func(), error) {
			group, err := redistest.NewSecureSentinel(t.Context(), t.TempDir(), 1, secure(t, false))
			if err != nil {
				return "", nil, err
			}
			return group.URL(), group.Stop, nil
		},
		"cluster": func() (string, func(), error) {
			cluster, err := redistest.NewSecureCluster(t.Context(), t.TempDir(), 3, secure(t, false))
			if err != nil {
				return "", nil, err
			}
			return cluster.URL(), cluster.Stop, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			at, stop, err := start()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(stop)
			s := dial(t, Config{URL: at, Replicas: 1})
			alice, bob := register(t, s, "alice"), register(t, s, "bob")
			stored(t, s, private(alice, bob, "over-tls"))
		})
	}
}
