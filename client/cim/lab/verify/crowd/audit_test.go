package crowd

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/cim-go/cim/proto"
)

// An answer that is cut off, or a route that is busy, ends no audit.
func TestAuditReadsAPageAgainThatWasCutOff(t *testing.T) {
	var calls atomic.Int64
	route := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		switch calls.Add(1) {
		case 1:
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte(`{"messages":[`))
			panic(http.ErrAbortHandler)
		case 2:
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			_, _ = w.Write([]byte(`{"messages":[{"id":"a"}]}`))
		}
	}))
	defer route.Close()
	a := &auditor{http: route.Client(), route: route.URL}
	page, err := a.page(t.Context(), "token", proto.Position{})
	if err != nil || len(page.Messages) != 1 || page.Messages[0].ID != "a" {
		t.Errorf("read %+v, %v", page, err)
	}
	if n := calls.Load(); n != 3 {
		t.Errorf("called %d times", n)
	}
}
