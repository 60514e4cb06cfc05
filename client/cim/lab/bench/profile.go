package bench

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cim-go/cim/client/cim/lab/up"
	"github.com/cim-go/cim/proto/ports"
)

// profiles has the addresses at which programs serve their profiles, by the names of the
// processes. These programs were started for a measurement.
type profiles map[string]string

// serveProfiles makes the only node of c, and the route, serve profiles.
func serveProfiles(c *up.Config) (profiles, error) {
	node, err := ports.Address()
	if err != nil {
		return nil, err
	}
	c.ServerFlags = append(c.ServerFlags, "-pprof", node)
	if c.WithRoute {
		return profiles{"node with route": node}, nil
	}
	route, err := ports.Address()
	if err != nil {
		return nil, err
	}
	c.RouteFlags = append(c.RouteFlags, "-pprof", route)
	return profiles{"node": node, routeProcess: route}, nil
}

var fileName = strings.NewReplacer(", ", "-", " ", "-")

// take profiles the CPU and the allocations of each process from now on. It writes the
// profiles into files in the folder dir. The parameter name is the beginning of the files'
// names. The returned function waits until the files are written.
func (p profiles) take(ctx context.Context, dir, name string, d time.Duration) (wait func() error) {
	group, ctx := errgroup.WithContext(ctx)
	seconds := max(1, int(d/time.Second))
	for process, address := range p {
		for file, kind := range map[string]string{"cpu": "profile", "allocs": "allocs"} {
			from := fmt.Sprintf("http://%s/debug/pprof/%s?seconds=%d", address, kind, seconds)
			to := fileName.Replace(name+" "+process+" "+file) + ".pprof"
			group.Go(func() error { return fetch(ctx, from, filepath.Join(dir, to)) })
		}
	}
	return group.Wait
}

func fetch(ctx context.Context, from, to string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("take a profile: %w", err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		return fmt.Errorf("take a profile: %s answers %s, %w", from, answer.Status, err)
	}
	return os.WriteFile(to, body, 0o644)
}
