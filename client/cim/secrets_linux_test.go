package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/cim-go/cim/client/cim/lab/up"
)

// Any user of the machine sees the command lines of all processes. None that a cluster
// starts has a secret in it.
func TestNoCommandLineOfAClusterHasASecret(t *testing.T) {
	t.Parallel()
	cluster := startCluster(t, up.Config{Nodes: 1, Keys: true, Redis: "spawn"})
	var secrets []string
	for _, name := range []string{"cluster.key", "redis.password", "node-1.pem", "route.pem", "operator.pem"} {
		text, err := os.ReadFile(filepath.Join(cluster.Dir(), name))
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(filepath.Join(cluster.Dir(), name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has the mode %v, %v", name, info.Mode(), err)
		}
		for line := range strings.Lines(string(text)) {
			if line = strings.TrimSpace(line); len(line) > 20 && !strings.HasPrefix(line, "-----") {
				secrets = append(secrets, line)
			}
		}
	}
	if len(secrets) < 5 {
		t.Fatalf("there are only %d secrets", len(secrets))
	}
	pids := []int{cluster.Redis().PID(), cluster.Nodes()[0].PID(), cluster.Routes()[0].PID()}
	for _, pid := range pids {
		line, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range secrets {
			if strings.Contains(string(line), secret) {
				t.Errorf("process %d shows a secret: %q", pid, line)
			}
		}
	}
}
