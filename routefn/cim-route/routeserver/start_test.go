package routeserver

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/cim-go/cim/proto/ports"
	"github.com/cim-go/cim/proto/wait"
	"github.com/cim-go/cim/routefn/record/embedded"
)

// lines is a log that others may write while it is read.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// A route starts before its store. Until the store is there, it is not ready and logs
// for what it waits. Then it serves. It logs no warning.
func TestRouteWaitsForItsStore(t *testing.T) {
	at, store := ports.ForTest(t), ports.ForTest(t)
	var log lines
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- Run(ctx, []string{"-listen", at, "-redis", "redis://" + store, "-allow-embedded", "-auth", "open", "-ring", "seed:" + ports.ForTest(t)}, &log)
	}()
	answer := func(path string) (int, string) {
		r, err := http.Get("http://" + at + path)
		if err != nil {
			return 0, err.Error()
		}
		defer r.Body.Close()
		b, _ := io.ReadAll(r.Body)
		return r.StatusCode, string(b)
	}
	wait.Until(t, "it is alive", func() bool { status, _ := answer("/healthz"); return status == http.StatusOK })
	if status, text := answer("/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(text, "store") {
		t.Errorf("without a store: %d %s", status, text)
	}
	if status, text := answer("/v1/online"); status != http.StatusServiceUnavailable || !strings.Contains(text, `"unavailable"`) {
		t.Errorf("a call without a store: %d %s", status, text)
	}
	wait.Until(t, "it says for what it waits", func() bool { return strings.Contains(log.String(), `msg=waiting for="the store"`) })
	server, err := embedded.Start(store)
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	wait.Until(t, "it serves", func() bool {
		r, err := http.Post("http://"+at+"/v1/register", "application/json", strings.NewReader(`{"name":"alice"}`))
		if err != nil {
			return false
		}
		defer r.Body.Close()
		return r.StatusCode == http.StatusOK
	})
	if status, text := answer("/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(text, "members") {
		t.Errorf("without members: %d %s", status, text)
	}
	wait.Until(t, "it says for what it waits now", func() bool { return strings.Contains(log.String(), `for="the members"`) })
	if strings.Contains(log.String(), "level=WARN") {
		t.Errorf("a normal start is warned of: %s", &log)
	}
	stop()
	if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestRouteThatIsToldToFailsFast(t *testing.T) {
	err := Run(t.Context(), []string{"-listen", "127.0.0.1:0", "-redis", "redis://" + nobody(t), "-fail-fast"}, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("ended with %v", err)
	}
}
