package cim

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// This is what CIM's server sends: its proxy writes only the fields that are set into
// the JSON.
func TestRoutesAreCalledAsCIMsServerDoes(t *testing.T) {
	answers := map[string]struct {
		status int
		body   string
		good   bool
	}{
		"ok":             {200, `{"code":"9000","message":"Success","reqNo":null,"dataBody":null}`, true},
		"CIM's refusal":  {200, `{"code":"3000","message":"no"}`, false},
		"no CIM":         {200, `<html>`, false},
		"not found":      {404, `{"code":"9000"}`, false},
		"internal error": {500, ``, false},
	}
	var mu sync.Mutex
	var answer, got string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		var body bytes.Buffer
		_, _ = body.ReadFrom(r.Body)
		got = r.Method + " " + r.URL.Path + " " + r.Header.Get("Content-Type") + " " + body.String()
		w.WriteHeader(answers[answer].status)
		_, _ = w.Write([]byte(answers[answer].body))
	}))
	defer server.Close()
	routes, err := NewRoutes(server.URL + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer routes.Close()
	for name, c := range answers {
		mu.Lock()
		answer = name
		mu.Unlock()
		if err := routes.Offline(t.Context(), 1547028929407, "zs"); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
		if want := `POST /offLine application/json {"userId":1547028929407,"msg":"zs"}`; got != want {
			t.Errorf("called %s, want %s", got, want)
		}
	}
	if _, err := NewRoutes("localhost:8083"); err == nil {
		t.Error("a URL without a scheme is taken")
	}
}

func TestNextRouteOfCIMIsAskedAfterAFailure(t *testing.T) {
	var mu sync.Mutex
	var calls []string
	serve := func(name, body string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			calls = append(calls, name)
			_, _ = w.Write([]byte(body))
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	routes, err := NewRoutes(serve("broken", "{}"), serve("good", `{"code":"9000"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer routes.Close()
	for _, good := range []bool{false, true, true} {
		if err := routes.Offline(t.Context(), 1, "alice"); (err == nil) != good {
			t.Errorf("after %v: %v", calls, err)
		}
	}
	if got := strings.Join(calls, " "); got != "broken good good" {
		t.Errorf("asked %s", got)
	}
}
