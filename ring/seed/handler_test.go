package seed

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestHandlerSpeaksHTTP(t *testing.T) {
	h := Handler(tableOf(member("a")), clusterKeys, nil)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/members", nil))
	if w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST is answered %d", w.Code)
	}
	w = httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/members", nil))
	etag := w.Header().Get("ETag")
	if !strings.Contains(w.Body.String(), `"id":"a"`) || len(etag) != 34 {
		t.Errorf("body is %s, ETag %s", w.Body, etag)
	}
	for header, want := range map[string]int{
		etag: 304, "W/" + etag: 304, `"x", ` + etag: 304, `"x"`: 200, "": 200, strings.Trim(etag, `"`): 200,
	} {
		r := httptest.NewRequest(http.MethodGet, "/members", nil)
		r.Header.Set("If-None-Match", header)
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != want {
			t.Errorf("If-None-Match %s is answered %d, want %d", header, w.Code, want)
		}
	}
}

func TestClientAndHandlerMeetOnARealSocket(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle(Path, Handler(tableOf(member("a"), member("b")), clusterKeys, nil))
	server := httptest.NewServer(mux)
	defer server.Close()
	for _, seed := range []string{server.URL, server.Listener.Addr().String()} {
		c, err := New(Config{Seeds: []string{seed}, Keys: clusterKeys, Client: server.Client(), Fresh: time.Nanosecond})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if view, err := c.View(t.Context()); err != nil || len(view.Members()) != 2 {
				t.Errorf("view is %v, %v", view, err)
			}
		}
		if n := testutil.ToFloat64(c.metrics.requests.WithLabelValues("unchanged")); n != 1 {
			t.Errorf("%v answers without a body, want 1", n)
		}
	}
}
