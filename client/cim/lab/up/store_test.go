package up

import (
	"errors"
	"slices"
	"testing"

	"github.com/cim-go/cim/routefn/record/redistest"
)

// A store that ends by itself is noticed, so that nobody takes its loss for that of
// messages.
func TestStoreThatEndsIsTold(t *testing.T) {
	server, err := redistest.Redis(t.Context(), redistest.Config{Dir: t.TempDir()})
	if errors.Is(err, redistest.ErrNotInstalled) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	c := &Cluster{redis: server}
	if ended := c.StoresEnded(); len(ended) > 0 {
		t.Errorf("%q ended", ended)
	}
	server.Kill()
	if ended := c.StoresEnded(); !slices.Equal(ended, []string{server.Addr()}) {
		t.Errorf("%q ended, want %s", ended, server.Addr())
	}
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if ended := c.StoresEnded(); len(ended) > 0 {
		t.Errorf("after a restart %q ended", ended)
	}
}
