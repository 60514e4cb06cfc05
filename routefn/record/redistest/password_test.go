package redistest

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/cim-go/cim/proto/wait"
)

const password = "a-password-for-tests"

// refuses fails the test if a client without the password, or with another one, is served.
func refuses(t *testing.T, addr string) {
	t.Helper()
	for _, given := range []string{"", "another"} {
		client := redis.NewClient(&redis.Options{Addr: addr, Password: given, Protocol: 2, DisableIdentity: true})
		err := client.Set(t.Context(), "k", "v", 0).Err()
		_ = client.Close()
		if err == nil || !strings.Contains(err.Error(), "NOAUTH") && !strings.Contains(err.Error(), "WRONGPASS") {
			t.Errorf("%s with password %q answers %v", addr, given, err)
		}
	}
}

// hides fails the test if the list of processes shows the password of a server. A
// redis-server that runs shows other words than it was given, so these are checked, too.
func hides(t *testing.T, s *Server) {
	t.Helper()
	line, err := os.ReadFile("/proc/" + strconv.Itoa(s.PID()) + "/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, words := range []string{string(line), strings.Join(s.command, " ")} {
		if strings.Contains(words, password) {
			t.Errorf("its command line is %q", words)
		}
	}
}

func TestServerWantsItsPasswordAndHidesIt(t *testing.T) {
	s, err := Redis(t.Context(), Config{Dir: t.TempDir(), Password: password})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	for range 2 {
		refuses(t, s.Addr())
		hides(t, s)
		if err := s.ask(t.Context(), "set", "k", "v").Err(); err != nil {
			t.Error(err)
		}
		if err := s.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	options, err := redis.ParseURL(s.URL())
	if err != nil || options.Password != password {
		t.Errorf("%s: %v", s.URL(), err)
	}
}

// The primary, its replicas and the members of a Cluster let in each other, and nobody who
// has not the password.
func TestReplicasAndMembersWantThePassword(t *testing.T) {
	t.Parallel() // the test mostly waits
	ctx := wait.Context(t)
	group, err := NewSecureSentinel(ctx, filepath.Join(t.TempDir(), "sentinel"), 1, nil, password)
	if err != nil {
		t.Fatal(err)
	}
	defer group.Stop()
	cluster, err := NewSecureCluster(ctx, filepath.Join(t.TempDir(), "cluster"), 3, nil, password)
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Stop()
	for _, s := range append(group.servers, cluster.Servers...) {
		refuses(t, s.Addr())
	}
	for _, s := range append(group.Servers(), cluster.Servers...) {
		hides(t, s)
	}
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: strings.Split(addresses(cluster.Servers), ","), Password: password})
	defer client.Close()
	for i := range 20 { // some are in the slot that moves
		if err := client.Set(ctx, strconv.Itoa(i), i, 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := cluster.MoveSlots(ctx, 1); err != nil || n == 0 {
		t.Errorf("%d slots were moved: %v", n, err)
	}
}
