package zktest

import (
	"errors"
	"net"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/cim-go/cim/proto/wait"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestServerStartsStopsAndComesBack(t *testing.T) {
	s, err := Start(wait.Context(t), Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Kill()
	addr := s.Addr()
	for name, end := range map[string]func(){"stop": s.Stop, "kill": s.Kill} {
		if end(); s.answers() {
			t.Errorf("%s: it answers", name)
		}
		end() // twice is fine
		if err := s.Restart(wait.Context(t)); err != nil || !s.answers() || s.Addr() != addr {
			t.Errorf("%s: it does not come back at %s: %v", name, addr, err)
		}
	}
}

func TestMissingZooKeeperIsSaid(t *testing.T) {
	t.Setenv("ZOOKEEPER_HOME", t.TempDir())
	if _, err := Start(t.Context(), Config{Dir: t.TempDir()}); !errors.Is(err, ErrNotInstalled) {
		t.Errorf("without jars: %v, want ErrNotInstalled", err)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := Start(t.Context(), Config{Dir: t.TempDir()}); !errors.Is(err, ErrNotInstalled) {
		t.Errorf("without java: %v, want ErrNotInstalled", err)
	}
}

func TestFailedStartSaysWhatTheServerSaid(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = Start(wait.Context(t), Config{Dir: t.TempDir(), Port: l.Addr().(*net.TCPAddr).Port})
	if err == nil || !strings.Contains(err.Error(), "the server ended at once") || !strings.Contains(err.Error(), "its log ends") {
		t.Errorf("error is %v, want one with the server's words", err)
	}
}
