package web

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

func serve(t *testing.T, method, path string, header map[string]string) *httptest.ResponseRecorder {
	t.Helper()
	mux := http.NewServeMux()
	for _, p := range Patterns {
		mux.Handle(p, Handler())
	}
	r := httptest.NewRequest(method, path, nil)
	for k, v := range header {
		r.Header.Set(k, v)
	}
	answer := httptest.NewRecorder()
	mux.ServeHTTP(answer, r)
	return answer
}

func TestPageIsServedWithAStrictPolicy(t *testing.T) {
	answer := serve(t, http.MethodGet, "/", nil)
	if answer.Code != http.StatusOK || answer.Header().Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("%d, %v", answer.Code, answer.Header())
	}
	policy := answer.Header().Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "script-src 'self'", "connect-src 'self' ws: wss:", "frame-ancestors 'none'"} {
		if !strings.Contains(policy, part) {
			t.Errorf("policy lacks %s: %s", part, policy)
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Errorf("policy: %s", policy)
	}
}

var reference = regexp.MustCompile(`(?:href|src)="([^"]+)"|from "\./([^"]+)"`)

func TestEverythingThePageRefersToIsServedAndIsItsOwn(t *testing.T) {
	seen := 0
	for path, f := range load() {
		if f.contentType == "" {
			t.Errorf("%s has no content type", path)
		}
		for _, m := range reference.FindAllStringSubmatch(string(f.body), -1) {
			target := "/" + m[1]
			if m[2] != "" {
				target = "/web/" + m[2]
			}
			seen++
			if answer := serve(t, http.MethodGet, target, nil); answer.Code != http.StatusOK {
				t.Errorf("%s refers to %s: %d", path, target, answer.Code)
			}
		}
		if strings.Contains(string(f.body), "innerHTML") || strings.Contains(string(f.body), "style=") || regexp.MustCompile(`\son[a-z]+="`).Match(f.body) {
			t.Errorf("%s has markup that the policy forbids, or makes some of texts", path)
		}
	}
	if seen < 8 {
		t.Fatalf("found %d references only", seen)
	}
}

func TestUnchangedFileIsNotSentAgain(t *testing.T) {
	etag := serve(t, http.MethodGet, "/web/main.js", nil).Header().Get("ETag")
	if answer := serve(t, http.MethodGet, "/web/main.js", map[string]string{"If-None-Match": etag}); etag == "" || answer.Code != http.StatusNotModified {
		t.Fatalf("etag %q, then %d", etag, answer.Code)
	}
}

func TestOtherPathsAreNotThePage(t *testing.T) {
	for path, want := range map[string]int{"/web/": 404, "/web/../web.go": 307, "/web/index.html": 404, "/nothing": 404} {
		if answer := serve(t, http.MethodGet, path, nil); answer.Code != want {
			t.Errorf("%s: %d, want %d", path, answer.Code, want)
		}
	}
}

// A balancer may serve the page below a path of its own.
func TestPageAsksBesideItself(t *testing.T) {
	asked := regexp.MustCompile(`fetch\(([^,)]*)`)
	seen := 0
	for path, f := range load() {
		for _, m := range asked.FindAllStringSubmatch(string(f.body), -1) {
			if seen++; !strings.HasPrefix(m[1], `"."`) && !strings.HasPrefix(m[1], `"./`) {
				t.Errorf("%s asks for %s, which is not beside the page", path, m[1])
			}
		}
		if m := regexp.MustCompile(`(?:href|src)="/[^"]*"|from "/[^"]*"`).Find(f.body); m != nil {
			t.Errorf("%s has %s, which is not beside the page", path, m)
		}
	}
	if seen == 0 {
		t.Error("the page asks for nothing")
	}
}
