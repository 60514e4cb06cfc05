package routeserver

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cim-go/cim/proto/ports"
	"github.com/cim-go/cim/proto/wait"
	"github.com/cim-go/cim/routefn/record/embedded"
)

// runUntil runs a route until its log has a text, and returns the log. If the route ends
// before, runUntil returns its error.
func runUntil(t *testing.T, text string, args ...string) (string, error) {
	t.Helper()
	var log lines
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() {
		ended <- Run(ctx, append([]string{"-listen", "127.0.0.1:0", "-allow-embedded", "-auth", "open", "-ring", "seed:" + ports.ForTest(t)}, args...), &log)
	}()
	var failed error
	wait.Until(t, "the log has "+text, func() bool {
		select {
		case failed = <-ended:
			return true
		default:
			return strings.Contains(log.String(), text)
		}
	})
	if failed != nil {
		return log.String(), failed
	}
	stop()
	if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	return log.String(), nil
}

// Routes start one after the other on one store. The log of each tells how the store keeps
// the route key. A route that cannot open it does not start, and says what it wants.
func TestRouteKeyInTheStoreIsSealedUnderTheClusterKey(t *testing.T) {
	store, err := embedded.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	both := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(both, []byte("the next cluster key\n"+clusterKey+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const sealed = "sealed under the cluster key"
	for _, step := range []struct {
		name, told, fails string
		args              []string
	}{
		{"without a key", "in the clear, because there is no cluster key", "", nil},
		{"with a key", "was sealed in place", "", []string{"-cluster-key", clusterKey}},
		{"again", sealed, "", []string{"-cluster-key", clusterKey}},
		{"without a key again", "", "there is no key to open it: want the -cluster-key of the other routes", nil},
		{"with another key", "", "sealed under another key: want the -cluster-key of the other routes", []string{"-cluster-key", "quite another cluster key"}},
		{"with a route key", "route starts", "", []string{"-route-key", "a route key of the tests"}},
		{"while the key is changed", "sealed again, under another cluster key", "", []string{"-cluster-key", "file:" + both}},
		{"after it was changed", sealed, "", []string{"-cluster-key", "the next cluster key"}},
		{"with the old key", "", "sealed under another key", []string{"-cluster-key", clusterKey}},
	} {
		told := step.told
		if step.fails != "" {
			told = "it must not start" // which no log has
		}
		log, err := runUntil(t, told, append(step.args, "-redis", store.URL())...)
		switch {
		case step.fails == "" && err != nil:
			t.Errorf("%s: it ends with %v", step.name, err)
		case step.fails != "" && (err == nil || !strings.Contains(err.Error(), step.fails)):
			t.Errorf("%s: it ends with %v, want %q", step.name, err, step.fails)
		case strings.Count(log, "the store keeps the route key") > 1:
			t.Errorf("%s: it says more than once how the key is kept:\n%s", step.name, log)
		}
	}
}
