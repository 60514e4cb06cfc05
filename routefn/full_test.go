package routefn

import (
	"net/http"
	"strings"
	"testing"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/record/redistest"
)

// A route with a store that is nearly full is ready, and says so.
func TestReadyTellsThatTheStoreIsNearlyFull(t *testing.T) {
	server, err := redistest.Redis(t.Context(), redistest.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Stop()
	worlds := make([]*world, 2)
	for i := range worlds {
		worlds[i] = newWorld(t, func(c *Config) {
			store, err := record.Dial(t.Context(), record.Config{URL: server.URL()})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { store.Close() })
			c.Store = store
		})
	}
	for i, w := range worlds {
		full := i > 0
		if full {
			if err := server.Fill(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		status, _, body := w.call(http.MethodGet, proto.PathReady, "", "", "")
		if told := strings.Contains(string(body), "full"); status != http.StatusOK || told != full {
			t.Errorf("with a full store %v: status %d, %q", full, status, body)
		}
	}
}
