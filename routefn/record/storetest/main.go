package storetest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/cim-go/cim/proto/wait"
	"github.com/cim-go/cim/routefn/record/embedded"
	"github.com/cim-go/cim/routefn/record/redistest"
	"github.com/cim-go/cim/routefn/record/servers"
)

// The servers that the tests of a package share. Main starts and stops them.
var (
	Embedded *embedded.Server
	Server   *redistest.Server
	Cluster  *redistest.Cluster
)

// Main runs the tests of a package between the start and the stop of the shared
// servers, and returns the code with which the process should exit. Tests that leave
// goroutines behind fail.
func Main(m *testing.M) int {
	dir, err := os.MkdirTemp("", "record")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if err := start(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	Embedded.Close()
	Server.Stop()
	Cluster.Stop()
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func start(dir string) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), wait.Limit)
	defer cancel()
	if Embedded, err = embedded.Start("127.0.0.1:0"); err != nil {
		return err
	}
	if Server, err = redistest.Redis(ctx, redistest.Config{Dir: dir}); err != nil {
		return err
	}
	Cluster, err = redistest.NewCluster(ctx, filepath.Join(dir, "cluster"), 3)
	if err != nil {
		Server.Stop()
	}
	return err
}

// Each runs a test on every kind of shared store. The test gets the URL of the store.
func Each(t *testing.T, f func(t *testing.T, url string)) {
	for name, url := range map[string]string{"embedded": Embedded.URL(), "server": Server.URL(), "cluster": Cluster.URL()} {
		t.Run(name, func(t *testing.T) { f(t, url) })
	}
}

// Flush empties a store, as if its primaries had lost their disks.
func Flush(t testing.TB, store servers.Topology) {
	t.Helper()
	err := store.Each(t.Context(), func(ctx context.Context, c *redis.Client) error {
		return c.FlushAll(ctx).Err()
	})
	if err != nil {
		t.Fatal(err)
	}
}
