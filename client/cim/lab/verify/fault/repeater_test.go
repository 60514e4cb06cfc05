package fault

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

// While it repeats, the proxy sends what is posted twice, body and all, refuses
// streams and leaves everything else alone; else it only passes on.
func TestRepeaterSendsPostsTwice(t *testing.T) {
	var posts, gets atomic.Int32
	route := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			posts.Add(1)
			_, _ = io.Copy(w, r.Body)
			return
		}
		gets.Add(1)
	}))
	defer route.Close()
	r, err := NewRepeaters(nil)
	if err != nil {
		t.Fatal(err)
	}
	address, stop, err := r.Front(strings.TrimPrefix(route.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	for _, on := range []bool{false, true, false} {
		r.repeat(on)
		posts.Store(0)
		gets.Store(0)
		answer, err := http.Post("http://"+address, "", strings.NewReader("hello"))
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if want := map[bool]int32{false: 1, true: 2}[on]; posts.Load() != want || string(body) != "hello" {
			t.Errorf("repeating %t: posted %d times, answered %q", on, posts.Load(), body)
		}
		ask, err := http.NewRequest(http.MethodGet, "http://"+address, nil)
		if err != nil {
			t.Fatal(err)
		}
		ask.Header.Set("Connection", "Upgrade")
		ask.Header.Set("Upgrade", "something")
		if answer, err = http.DefaultClient.Do(ask); err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if refused := answer.StatusCode == http.StatusNotFound; refused != on || (gets.Load() == 0) != on {
			t.Errorf("repeating %t: a stream is answered %s", on, answer.Status)
		}
	}
}
