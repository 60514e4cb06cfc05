package seed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"github.com/cim-go/cim/ring"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAnswerIsCachedAndThenAskedForByETag(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		if got := w.ids(t); got != "a b c" {
			t.Fatalf("members are %s", got)
		}
	}
	w.expect(t, "a:8081 200")
	w.clock.pass(time.Second)
	before, _ := w.View(t.Context())
	w.expect(t, "a:8081 304")
	w.table.Set([]ring.Member{member("a"), member("b"), member("d")})
	w.clock.pass(time.Second)
	if got := w.ids(t); got != "a b d" {
		t.Errorf("members are %s, want the new ones", got)
	}
	w.expect(t, "a:8081 200")
	if after, _ := w.View(t.Context()); after.Ring() == before.Ring() {
		t.Error("the ring is that of the old members")
	}
}

func TestLoadsAreFreshWithoutABody(t *testing.T) {
	w := newWorld(t)
	w.ids(t)
	ringBefore := w.Client.view.Ring()
	loaded := []ring.Member{member("a"), member("b"), member("c")}
	loaded[1].Load, loaded[2].Load = 7, 255
	w.table.Set(loaded)
	w.nodes.requests()
	w.clock.pass(time.Second)
	view, err := w.View(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.expect(t, "a:8081 304")
	if got := view.Members(); !slices.Equal(got, loaded) {
		t.Errorf("members are %+v, want %+v", got, loaded)
	}
	if view.Ring() != ringBefore {
		t.Error("the ring was rebuilt for a load")
	}
}

func TestForgedLoadsAreNotBelieved(t *testing.T) {
	members := []ring.Member{member("a"), member("b")}
	members[1].Load = 3
	etag := ring.NewView(members).ETag()
	good := encodeLoads(members, etag, clusterKeys)
	if got, err := withLoads([]ring.Member{member("a"), member("b")}, good, etag, clusterKeys); err != nil || !slices.Equal(got, members) {
		t.Fatalf("true loads read as %v, %v", got, err)
	}
	for name, value := range map[string]string{
		"missing":    "",
		"no base64":  "!",
		"short":      good[:8],
		"no key":     encodeLoads(members, etag, ring.NewKeys()),
		"other key":  encodeLoads(members, etag, ring.NewKeys([]byte("x"))),
		"other etag": encodeLoads(members, strings.Repeat("0", len(etag)), clusterKeys),
		"fewer":      encodeLoads(members[:1], etag, clusterKeys),
	} {
		if got, err := withLoads(members, value, etag, clusterKeys); !errors.Is(err, errLoads) || !slices.Equal(got, members) {
			t.Errorf("%s: read as %v, %v", name, got, err)
		}
	}
	rotating := ring.NewKeys([]byte("next"), []byte("cluster key"))
	if _, err := withLoads(members, good, etag, rotating); err != nil {
		t.Errorf("loads under the old key: %v", err)
	}
	if _, err := withLoads(members, encodeLoads(members, etag, ring.NewKeys()), etag, ring.NewKeys()); err != nil {
		t.Errorf("a cluster without a key: %v", err)
	}
}

func TestSeedIsKeptUntilItFails(t *testing.T) {
	w := newWorld(t)
	w.ids(t)
	for range 5 {
		w.clock.pass(time.Second)
		w.ids(t)
	}
	w.expect(t, "a:8081 200, a:8081 304, a:8081 304, a:8081 304, a:8081 304, a:8081 304")
	w.nodes.set("a:8081", nil)
	w.clock.pass(time.Second)
	if got := w.ids(t); got != "a b c" {
		t.Errorf("members are %s", got)
	}
	asked := w.nodes.requests()
	if asked != "a:8081 0, b:8081 304" && asked != "a:8081 0, c:8081 304" {
		t.Errorf("asked %q, want another member after the seed", asked)
	}
	next := asked[len("a:8081 0, "):]
	w.nodes.set("a:8081", Handler(w.table, clusterKeys, nil))
	w.clock.pass(time.Second)
	w.ids(t)
	w.expect(t, next) // the client does not go back to the seed
}

// The node that the client uses is cut off from the others, knows itself alone and
// leaves. The seed is gone. The client then tries the members of the last day.
func TestMembersOfTheLastDayAreTried(t *testing.T) {
	for after, found := range map[time.Duration]bool{time.Hour: true, 25 * time.Hour: false} {
		w := newWorld(t)
		w.ids(t)
		whole := Handler(w.table, clusterKeys, nil)
		w.nodes.set("a:8081", nil)
		w.clock.pass(time.Second)
		w.ids(t) // from b or c
		alone := ring.NewTable()
		alone.Set([]ring.Member{member(w.node[:1])})
		w.nodes.set(w.node, Handler(alone, clusterKeys, nil))
		w.clock.pass(after)
		if got := w.ids(t); got != w.node[:1] {
			t.Fatalf("members are %s", got)
		}
		for _, host := range []string{"b:8081", "c:8081"} {
			if host == w.node {
				w.nodes.set(host, nil)
			} else {
				w.nodes.set(host, whole)
			}
		}
		w.clock.pass(2 * time.Minute)
		if _, err := w.View(t.Context()); (err == nil) != found {
			t.Errorf("%v after they were seen: %v", after, err)
		}
	}
}

// All members that a frozen client knows may be gone. Then it tries the nodes that have
// called it.
func TestCallersAreTriedWhenNoOtherNodeAnswers(t *testing.T) {
	w := newWorld(t)
	w.ids(t)
	for _, host := range []string{"a:8081", "b:8081", "c:8081"} {
		w.nodes.set(host, nil)
	}
	w.clock.pass(2 * time.Minute)
	if _, err := w.View(t.Context()); err == nil {
		t.Fatal("a node answers")
	}
	replaced := ring.NewTable()
	replaced.Set([]ring.Member{member("d"), member("e")})
	w.nodes.set("d:8081", Handler(replaced, clusterKeys, nil))
	w.Heard("d:8081")
	if got := w.ids(t); got != "d e" {
		t.Errorf("members are %s", got)
	}
	for i := range 2 * mostKnown {
		w.Heard(fmt.Sprint("stranger:", i))
	}
	if n := len(w.callers); n != mostKnown {
		t.Errorf("%d callers are known", n)
	}
	w.clock.pass(25 * time.Hour)
	w.ids(t)
	if n := len(w.callers); n != 0 {
		t.Errorf("%d callers are known a day later", n)
	}
}

func TestStaleViewIsUsedForABoundedTime(t *testing.T) {
	w := newWorld(t)
	w.ids(t)
	for _, host := range []string{"a:8081", "b:8081", "c:8081"} {
		w.nodes.set(host, nil)
	}
	w.clock.pass(59 * time.Second)
	if got := w.ids(t); got != "a b c" {
		t.Errorf("members are %s", got)
	}
	w.nodes.requests()
	w.ids(t)
	w.expect(t, "") // the last try was a moment ago
	w.clock.pass(time.Second)
	if _, err := w.View(t.Context()); !errors.Is(err, ErrStale) || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("after a minute: %v, want ErrStale and why", err)
	}
	w.nodes.set("c:8081", Handler(w.table, clusterKeys, nil))
	if got := w.ids(t); got != "a b c" {
		t.Errorf("a node is back, members are %s", got)
	}
}

func TestSilentNodesAreLoggedOnceUntilOneAnswers(t *testing.T) {
	w := newWorld(t)
	var log strings.Builder
	w.cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
	logged := func() int { return strings.Count(log.String(), "did not return") }
	w.nodes.set("a:8081", nil)
	for range 3 {
		if _, err := w.View(t.Context()); !errors.Is(err, ErrStale) {
			t.Fatalf("error is %v", err)
		}
	}
	if logged() != 1 {
		t.Errorf("logged %d times:\n%s", logged(), log.String())
	}
	w.nodes.set("a:8081", Handler(w.table, clusterKeys, nil))
	w.ids(t)
	for _, host := range []string{"a:8081", "b:8081", "c:8081"} {
		w.nodes.set(host, nil)
	}
	w.clock.pass(2 * time.Minute)
	for range 2 {
		if _, err := w.View(t.Context()); !errors.Is(err, ErrStale) {
			t.Fatalf("error is %v", err)
		}
	}
	if logged() != 4 {
		t.Errorf("logged %d times, want once more for each of three nodes:\n%s", logged(), log.String())
	}
}

// The monotonic clock stops while a function is frozen, and the wall clock is set back.
func TestAgeIsTheLargerOfTwoClocks(t *testing.T) {
	for name, pass := range map[string]func(*clock){
		"frozen":        func(c *clock) { c.now.wall = c.now.wall.Add(time.Hour) },
		"clock is back": func(c *clock) { c.now.mono += time.Hour; c.now.wall = c.now.wall.Add(-time.Hour) },
	} {
		w := newWorld(t)
		w.ids(t)
		w.nodes.serve = nil
		pass(w.clock)
		if _, err := w.View(t.Context()); !errors.Is(err, ErrStale) {
			t.Errorf("%s: after an hour: %v, want ErrStale", name, err)
		}
	}
	if d := now().since(now()); d > 0 || d < -time.Second {
		t.Errorf("two readings of the clock are %v apart", d)
	}
}

func TestMemberWithoutValidMACIsDropped(t *testing.T) {
	w := newWorld(t)
	forger := ring.NewKeys([]byte("another cluster's"))
	w.nodes.set("a:8081", http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("ETag", `"forged"`)
		_ = json.NewEncoder(rw).Encode([]ring.Sealed{clusterKeys.Sealed(member("b")), forger.Sealed(member("evil"))})
	}))
	if got := w.ids(t); got != "b" {
		t.Errorf("members are %s, want b", got)
	}
	if n := testutil.ToFloat64(w.metrics.refused); n != 1 {
		t.Errorf("%v refused, want 1", n)
	}
	w.nodes.requests()
	w.clock.pass(time.Second)
	w.ids(t)
	w.expect(t, "a:8081 200") // without If-None-Match, because a member was refused
}

func TestUselessAnswersLeadToAnotherNode(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"no JSON":      func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>") },
		"nobody":       func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "[]") },
		"foreign":      Handler(tableOf(member("x")), ring.NewKeys([]byte("x")), nil).ServeHTTP,
		"error":        func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusInternalServerError) },
		"bare 304":     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) },
		"not ready":    Handler(tableOf(member("x")), clusterKeys, func() (bool, string) { return false, "alone" }).ServeHTTP,
		"endless body": func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "["+strings.Repeat(" ", maxBody)+"]") },
	} {
		w := newWorld(t)
		w.cfg.Seeds = []string{"a:8081", "b:8081"}
		w.nodes.set("a:8081", h)
		for range 4 { // any seed may be the first
			w.node = ""
			w.clock.pass(time.Second)
			if got := w.ids(t); got != "a b c" {
				t.Errorf("%s: members are %s", name, got)
			}
		}
	}
}

func TestOneAsksAndTheOthersGoOn(t *testing.T) {
	w := newWorld(t)
	w.ids(t)
	w.nodes.requests()
	w.clock.pass(time.Second)
	w.nodes.block = make(chan struct{})
	asked := make(chan error)
	go func() {
		_, err := w.View(context.Background())
		asked <- err
	}()
	<-w.nodes.block // the node has the request
	if got := w.ids(t); got != "a b c" {
		t.Errorf("members are %s", got)
	}
	w.nodes.block <- struct{}{} // and answers
	if err := <-asked; err != nil {
		t.Error(err)
	}
	w.expect(t, "a:8081 304")
}

func TestFirstCallersShareOneAnswer(t *testing.T) {
	w := newWorld(t)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if view, err := w.View(context.Background()); err != nil || len(view.Members()) != 3 {
				t.Errorf("view is %v, %v", view, err)
			}
		})
	}
	wg.Wait()
	w.expect(t, "a:8081 200")
}

func TestCallerThatGivesUpBlamesNobody(t *testing.T) {
	w := newWorld(t)
	w.nodes.block = make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.View(ctx); !errors.Is(err, ErrStale) || !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want ErrStale and Canceled", err)
	}
	if n := testutil.ToFloat64(w.metrics.requests.WithLabelValues("failed")); n != 0 {
		t.Errorf("%v requests count as failed", n)
	}
}

func TestSeedsAreCheckedByNew(t *testing.T) {
	for _, seeds := range [][]string{nil, {""}, {"http://"}, {"a b:1"}} {
		if _, err := New(Config{Seeds: seeds}); err == nil {
			t.Errorf("%q is taken", seeds)
		}
	}
}
