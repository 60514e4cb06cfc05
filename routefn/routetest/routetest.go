// Package routetest has tests that a route must pass in every form in which it can run. It
// may run as a server, as a function behind a front end of a cloud, or as a program on any
// platform that speaks HTTP. The tests make only HTTP calls, so they work for each of
// these.
package routetest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cim-go/cim/ring"
	"github.com/cim-go/cim/ring/seed"
	"github.com/cim-go/cim/routefn/record/embedded"
)

// ClusterKey is the key of every World.
const ClusterKey = "a cluster key of the tests"

// World has the servers that a route needs: an empty store, and a server that lists one
// node, to which logins are sent. No node runs at that address, because the tests
// connect to none.
type World struct {
	Members *httptest.Server // serves the list of members; closed with the test

	store, seed string
}

// NewWorld makes a World that lasts as long as the test.
func NewWorld(t testing.TB) *World {
	t.Helper()
	store, err := embedded.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	table := ring.NewTable()
	table.Set([]ring.Member{{
		ID: "node-1", Boot: 1, Client: "127.0.0.1:1", HTTP: "127.0.0.1:1", Weight: 1000, State: ring.Serving,
	}})
	members := httptest.NewServer(seed.Handler(table, ring.NewKeys([]byte(ClusterKey)), nil))
	t.Cleanup(members.Close)
	return &World{Members: members, store: store.URL(), seed: strings.TrimPrefix(members.URL, "http://")}
}

// Args returns the flags of a route in the World.
func (w *World) Args() []string {
	return []string{
		"-redis", w.store, "-allow-embedded", "-auth", "open", "-cluster-key", ClusterKey, "-ring", "seed:" + w.seed,
	}
}

// Env returns the same settings as environment variables.
func (w *World) Env() []string {
	return []string{
		"CIM_REDIS=" + w.store, "CIM_ALLOW_EMBEDDED=true", "CIM_AUTH=open", "CIM_CLUSTER_KEY=" + ClusterKey, "CIM_RING=seed:" + w.seed,
	}
}

// AwaitReady blocks until the route at the URL base is ready. If that takes two
// minutes, it fails the test.
func AwaitReady(t testing.TB, base string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/readyz", nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-ctx.Done():
			t.Fatalf("route at %s is not ready: %v", base, err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}
