//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/client/cim/lab/up"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/tlsfile"
	"github.com/cim-go/cim/proto/tlsfile/localca"
)

// replaceFile writes the contents of the files from into the file to.
func replaceFile(t *testing.T, to string, from ...string) {
	t.Helper()
	var all []byte
	for _, path := range from {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b...)
	}
	if err := os.WriteFile(to, all, 0o600); err != nil {
		t.Fatal(err)
	}
}

// The authority of a whole cluster is changed: first both are trusted, then all
// certificates come from the new one, then it alone is trusted. No process is started
// again for that. Every message arrives, and nobody logs in again. A node and a route that
// come after each step have the new files, and are called by those that were there.
func TestAuthorityIsChangedByHangupsUnderLiveConnections(t *testing.T) {
	t.Parallel()
	first, err := localca.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	second, err := localca.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	roots := filepath.Join(t.TempDir(), "both.pem") // clients trust both
	replaceFile(t, roots, first.File, second.File)
	old := filepath.Join(t.TempDir(), "old.pem")
	replaceFile(t, old, first.File)
	pool, err := tlsfile.Roots(roots)
	if err != nil {
		t.Fatal(err)
	}
	operator, err := (&trust{roots}).client()
	if err != nil {
		t.Fatal(err)
	}
	cluster := startCluster(t, up.Config{Nodes: 2, Routes: 1, CA: first})
	crowd := &crowd{t: t}
	t.Cleanup(crowd.leave)
	enter := func(name string) *client.Client {
		return connectAs(t, client.Config{Routes: cluster.RouteURLs(), Name: name, Device: "test", RootCAs: pool})
	}
	crowd.writer = enter("writer")
	for i := range 4 {
		crowd.add(enter("reader-" + strconv.Itoa(i)))
	}
	processes := func() []*up.Process {
		all := cluster.Routes()
		for _, n := range cluster.Nodes() {
			all = append(all, n.Process)
		}
		return all
	}
	check := func() {
		t.Helper()
		eventually(t, "the route knows all nodes", func() bool {
			body, err := fetchMembers(t.Context(), operator, cluster.RouteURLs()[0])
			return err == nil && strings.Count(string(body), `"state":"serving"`) == len(cluster.Nodes())
		})
		crowd.round()
		eventually(t, "everybody is shown everything", crowd.caughtUp)
	}
	logins := func() (n int) {
		t.Helper()
		figures, err := fetch(t.Context(), operator, cluster.RouteURLs()[0]+proto.PathMetrics)
		if err != nil {
			t.Fatal(err)
		}
		_, after, ok := strings.Cut(string(figures), "\ncim_route_requests_total{code=\"ok\",use_case=\"login\"} ")
		if _, err := fmt.Sscan(after, &n); err != nil || !ok {
			t.Fatalf("the route does not say how many logged in: %v", err)
		}
		return n
	}
	step := func(change func()) {
		t.Helper()
		before := logins()
		change()
		for _, p := range processes() {
			hangup(t, p, "configuration was read again")
			check() // some have read the new files, and some have not
		}
		if n := logins() - before; n != 0 {
			t.Errorf("%v clients logged in again", n)
		}
		if _, err := cluster.AddNode(t.Context()); err != nil {
			t.Fatal(err)
		}
		crowd.add(enter("reader-" + strconv.Itoa(len(crowd.readers))))
		if err := cluster.RestartRoute(t.Context(), cluster.Routes()[0]); err != nil {
			t.Fatal(err)
		}
		check()
	}

	check()
	step(func() { replaceFile(t, first.File, old, second.File) })
	step(func() {
		cert, key, err := second.Issue("cluster", "127.0.0.1", "localhost")
		if err != nil {
			t.Fatal(err)
		}
		at := filepath.Dir(first.File)
		replaceFile(t, filepath.Join(at, "cluster.pem"), cert)
		replaceFile(t, filepath.Join(at, "cluster.key"), key)
	})
	step(func() { replaceFile(t, first.File, second.File) })
	now, err := (&trust{second.File}).client()
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []string{cluster.RouteURLs()[0], "https://" + cluster.Nodes()[0].HTTP} {
		if _, err := fetch(t.Context(), now, at+proto.PathMetrics); err != nil {
			t.Errorf("%s shows a certificate of the old authority: %v", at, err)
		}
	}
}
