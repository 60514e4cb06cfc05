package record

import (
	"context"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/cim-go/cim/proto/tlsfile"
	"github.com/cim-go/cim/proto/tlsfile/localca"
	"github.com/cim-go/cim/proto/wait"
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
			group, err := redistest.NewSecureSentinel(t.Context(), t.TempDir(), 1, secure(t, false), "password")
			if err != nil {
				return "", nil, err
			}
			return group.URL(), group.Stop, nil
		},
		"cluster": func() (string, func(), error) {
			cluster, err := redistest.NewSecureCluster(t.Context(), t.TempDir(), 3, secure(t, false), "password")
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

// The authority of a Redis changes while a store uses it. First the store trusts both. Then
// the server shows a certificate of the new one, and at last the store trusts only that.
// Open connections go on. New ones are judged by the file as it is.
func TestStoreTrustsTheAuthoritiesThatAreInTheFileNow(t *testing.T) {
	first, err := localca.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	second, err := localca.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	pem := func(ca *localca.CA) []byte {
		b, err := os.ReadFile(ca.File)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	old, renewed := pem(first), pem(second)
	tls, err := redistest.NewTLS(first, true)
	if err != nil {
		t.Fatal(err)
	}
	server, err := redistest.Redis(t.Context(), redistest.Config{Dir: t.TempDir(), TLS: tls})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	s := dial(t, Config{URL: server.URL()})
	both := filepath.Join(t.TempDir(), "both.pem")
	if err := os.WriteFile(both, slices.Concat(old, renewed), 0o600); err != nil {
		t.Fatal(err)
	}
	config, err := tlsfile.Client(both)
	if err != nil {
		t.Fatal(err)
	}
	admin := redis.NewClient(&redis.Options{Addr: server.Addr(), TLSConfig: config})
	t.Cleanup(func() { _ = admin.Close() })
	do := func(args ...any) {
		t.Helper()
		if err := admin.Do(t.Context(), args...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	show := func(ca *localca.CA) {
		t.Helper()
		cert, key, err := ca.Issue("shown", "127.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		do("CONFIG", "SET", "tls-cert-file", cert, "tls-key-file", key)
	}
	trust := func(content []byte) {
		t.Helper()
		if err := os.WriteFile(first.File, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := s.ReadFiles(); err != nil {
			t.Fatal(err)
		}
	}
	alice, bob := register(t, s, "alice"), register(t, s, "bob")
	works := func(id string) {
		t.Helper()
		stored(t, s, private(alice, bob, id+"-open"))
		do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
		wait.Until(t, id+": a new connection is good", func() bool { return s.Ping(t.Context()) == nil })
		stored(t, s, private(alice, bob, id+"-new"))
	}

	works("old")
	trust(slices.Concat(old, renewed))
	show(second)
	works("both")
	trust(renewed)
	works("renewed")
	show(first)
	do("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
	wait.Until(t, "the old authority is refused", func() bool {
		err := s.Ping(t.Context())
		return err != nil && strings.Contains(err.Error(), "certificate signed by unknown authority")
	})
	if err := os.WriteFile(first.File, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.ReadFiles(); err == nil || !strings.Contains(err.Error(), "option ca") {
		t.Errorf("an empty file: %v", err)
	}
}
