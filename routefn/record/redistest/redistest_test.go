package redistest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/cim-go/cim/proto/wait"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestServerAnswersUntilItIsStopped(t *testing.T) {
	s, err := Redis(t.Context(), Config{Dir: t.TempDir(), Args: []string{"--maxmemory", "64mb"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.ping(t.Context(), s.process.Pid); err != nil || s.URL() != "redis://"+s.Addr() {
		t.Errorf("%s: %v", s.URL(), err)
	}
	s.Stop()
	s.Stop()
	s.Kill()
	if err := s.ping(t.Context(), s.process.Pid); err == nil {
		t.Error("it answers when it is stopped")
	}
}

func TestPersistedDataSurvivesARestart(t *testing.T) {
	cfg := Config{Dir: t.TempDir(), Persist: true}
	for i, want := range []error{redis.Nil, nil} {
		s, err := Redis(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		client := redis.NewClient(&redis.Options{Addr: s.Addr()})
		if err := client.Get(t.Context(), "name").Err(); !errors.Is(err, want) {
			t.Errorf("start %d: %v", i, err)
		}
		if err := client.Set(t.Context(), "name", "alice", 0).Err(); err != nil {
			t.Error(err)
		}
		client.Close()
		s.Stop()
	}
}

// A server that writes its file before it answers loses nothing when it is killed. It
// comes back at the same address.
func TestKilledServerComesBackWithWhatItAnswered(t *testing.T) {
	s, err := Redis(t.Context(), Config{Dir: t.TempDir(), Persist: true, Args: []string{"--appendfsync", "always"}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	client := redis.NewClient(&redis.Options{Addr: s.Addr()})
	defer client.Close()
	if err := client.Set(t.Context(), "name", "alice", 0).Err(); err != nil {
		t.Fatal(err)
	}
	s.Kill()
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if name, err := client.Get(t.Context(), "name").Result(); name != "alice" {
		t.Errorf("after the restart it has %q: %v", name, err)
	}
}

// When the connections of a server are cut, the command that it is executing takes
// effect, and its client gets no answer.
func TestCutServerGoesOnAndItsAnswersAreLost(t *testing.T) {
	s, err := Redis(t.Context(), Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	if err := s.ask(t.Context(), "set", "page", strings.Repeat("x", 1<<20)).Err(); err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", s.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// These answers are more than the sockets hold, so the last one was not sent yet.
	fmt.Fprint(conn, strings.Repeat("get page\r\n", 32)+"incr done\r\n")
	err = await(t.Context(), func() error {
		if n, err := s.ask(t.Context(), "incrby", "done", 0).Int(); err != nil || n == 0 {
			return errors.New("it is not done")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Cut(t.Context()); err != nil {
		t.Fatal(err)
	}
	conn.SetReadDeadline(time.Now().Add(wait.Limit))
	answers, err := io.ReadAll(conn)
	if errors.Is(err, os.ErrDeadlineExceeded) || bytes.HasSuffix(answers, []byte(":1\r\n")) {
		t.Errorf("after %d bytes of answers: %v", len(answers), err)
	}
	if n, err := s.ask(t.Context(), "get", "done").Int(); n != 1 {
		t.Errorf("done %d times: %v", n, err)
	}
}

func TestServerThatCannotStartSaysWhy(t *testing.T) {
	if s, err := Redis(t.Context(), Config{Dir: t.TempDir(), Args: []string{"--no-such-option", "x"}}); err == nil {
		s.Stop()
		t.Error("it started")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if s, err := Redis(t.Context(), Config{Dir: t.TempDir(), Port: l.Addr().(*net.TCPAddr).Port}); err == nil {
		s.Stop()
		t.Error("it started on a port that is taken")
	}
	other, err := Redis(t.Context(), Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Stop()
	if err := other.ping(t.Context(), other.process.Pid+1); err == nil {
		t.Error("another server passed for it")
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := Redis(t.Context(), Config{Dir: t.TempDir()}); !errors.Is(err, ErrNotInstalled) {
		t.Errorf("without redis-server: %v", err)
	}
}

func TestClusterServesEverySlot(t *testing.T) {
	c, err := NewCluster(t.Context(), t.TempDir(), 3)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{c.Servers[0].Addr()}})
	defer client.Close()
	for _, key := range []string{"alice", "bob", "carol", "{1}", "{2}", "{3}"} {
		if err := client.Set(t.Context(), key, "x", 0).Err(); err != nil {
			t.Errorf("set %s: %v", key, err)
		}
	}
}

func TestStartEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if s, err := Redis(ctx, Config{Dir: t.TempDir()}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v", s, err)
	}
}
