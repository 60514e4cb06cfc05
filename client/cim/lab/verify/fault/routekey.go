package fault

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cim-go/cim/client/cim/lab/up"
)

type routeKey struct{}

func (routeKey) Name() string { return "route-key" }
func (routeKey) Story() string {
	return "the routes' key changes as operators change it, a step at a time, and a route is killed and started anew with it"
}
func (routeKey) Hits() Class { return Routes }
func (routeKey) Missing(w *World) string {
	if w.keys == nil {
		return "the routes' key stands in the store"
	}
	return routeKill{}.Missing(w)
}
func (routeKey) Rhythm() Rhythm {
	return Rhythm{Every: Span{5 * time.Second, 10 * time.Second}, Lasts: Span{100 * time.Millisecond, time.Second}}
}

func (routeKey) Inject(_ context.Context, w *World, s Strike) (Wound, error) {
	what, err := w.keys.step(w.cluster.Routes())
	if err != nil {
		return Wound{}, err
	}
	route := w.cluster.Routes()[s.Target]
	route.Kill()
	return Wound{
		What: fmt.Sprintf("%s anew, %s", route.Name, what),
		Heal: func(ctx context.Context) error { return w.cluster.RestartRoute(ctx, route) },
	}, nil
}

// RouteKeys is the file with the routes' keys. Routes make tokens and tickets with the
// first key, and accept those of all keys.
type RouteKeys struct {
	path string

	mu      sync.Mutex
	keys    []string
	added   bool // the last key is new, and has not become the first key yet
	written time.Time
}

// NewRouteKeys makes the file in the folder dir, with one key.
func NewRouteKeys(dir string) (*RouteKeys, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make folder of route keys: %w", err)
	}
	path, err := filepath.Abs(filepath.Join(dir, "route-keys"))
	if err != nil {
		return nil, fmt.Errorf("make route keys: %w", err)
	}
	k := &RouteKeys{path: path, keys: []string{rand.Text()}}
	return k, k.write()
}

// Flags returns the flags of a route that uses the keys.
func (k *RouteKeys) Flags() []string { return []string{"-route-key", "file:" + k.path} }

// step waits until all routes have read the last change, and makes the next one. There
// are two changes in turn. A new key is added behind the others, and then it becomes the
// first key.
func (k *RouteKeys) step(routes []*up.Process) (what string, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	unread := func(p *up.Process) bool { return !p.Began().After(k.written) }
	if slices.ContainsFunc(routes, unread) {
		return "with the keys as they are", nil
	}
	if n := len(k.keys); k.added {
		k.keys = append(k.keys[n-1:n:n], k.keys[:n-1]...)
		what = "with the new key first"
	} else {
		k.keys = append(k.keys, rand.Text())
		what = "with a new key"
	}
	k.added = !k.added
	return what, k.write()
}

func (k *RouteKeys) write() error {
	next := k.path + ".next"
	err := os.WriteFile(next, []byte(strings.Join(k.keys, "\n")+"\n"), 0o600)
	if err == nil {
		err = os.Rename(next, k.path)
	}
	if err != nil {
		return fmt.Errorf("write route keys: %w", err)
	}
	k.written = time.Now()
	return nil
}
