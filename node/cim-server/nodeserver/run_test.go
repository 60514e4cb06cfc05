package nodeserver

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/ports"
	"github.com/cim-go/cim/proto/process"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/ring"
)

// freePorts returns addresses on loopback at which nobody listens now.
func freePorts(t *testing.T, n int) (addresses []string) {
	t.Helper()
	for range n {
		addresses = append(addresses, ports.ForTest(t))
	}
	return addresses
}

func TestNodeWithARouteRunsUntilItIsStopped(t *testing.T) {
	at := freePorts(t, 4)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan error, 1)
	go func() {
		ended <- Run(ctx, []string{
			"-listen", at[0], "-http", at[1], "-gossip", at[2], "-with-route", "-route-listen", at[3], "-redis", "embedded", "-log", "error",
		}, io.Discard)
	}()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		answer, err := http.Get("http://" + at[1] + "/readyz")
		if err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				break
			}
		}
		select {
		case err := <-ended:
			t.Fatalf("it ended: %v", err)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("it is not ready: %v", err)
		}
	}
	stop()
	select {
	case err := <-ended:
		if err != nil {
			t.Fatalf("it ended with %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("it does not end")
	}
	for _, address := range []string{at[0], at[1], at[3]} {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			t.Errorf("it still holds a port: %v", err)
			continue
		}
		listener.Close()
	}
}

func TestNodeDoesNotStartWithoutWhatItNeeds(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	short := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(short, []byte("short\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no such flag":   {[]string{"-nothing"}, "-nothing"},
		"wrong flag":     {[]string{"-weight", "0"}, "-weight 0"},
		"wrong level":    {[]string{"-log", "loud"}, "-log"},
		"no key file":    {[]string{"-cluster-key", "file:" + short + ".none"}, "-cluster-key"},
		"short key":      {[]string{"-cluster-key", "file:" + short}, "-cluster-key"},
		"port in use":    {[]string{"-listen", taken.Addr().String()}, "the port is in use"},
		"no certificate": {[]string{"-tls-cert", short, "-tls-key", short, "-listen", "127.0.0.1:0", "-http", "127.0.0.1:0", "-gossip", "127.0.0.1:0"}, "tls"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		err := Run(ctx, c.args, io.Discard)
		cancel()
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want an error with %q", name, err, c.want)
		}
	}
}

func TestKeysComeFromTheFirstRouteThatHasThem(t *testing.T) {
	public, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	route := func(status int, answer any) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != proto.PathNodeKeys || r.Header.Get("Authorization") != "Bearer "+ring.ServiceToken(nil) {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			w.WriteHeader(status)
			json.NewEncoder(w).Encode(answer)
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	refuses := route(http.StatusUnauthorized, nil)
	lost := route(http.StatusOK, proto.KeysAnswer{})
	wrong := route(http.StatusOK, proto.KeysAnswer{Tickets: [][]byte{[]byte("too short")}})
	right := route(http.StatusOK, proto.KeysAnswer{Tickets: [][]byte{public}})
	moved := httptest.NewServer(http.RedirectHandler(right+proto.PathNodeKeys, http.StatusMovedPermanently))
	defer moved.Close()
	for name, c := range map[string]struct {
		routes list
		ready  bool
	}{
		"none has it":           {list{refuses, lost, wrong}, false},
		"the last has it":       {list{refuses, lost, wrong, right}, true},
		"the first has it":      {list{right, refuses}, true},
		"none is there":         {list{"http://127.0.0.1:1"}, false},
		"it is elsewhere":       {list{moved.URL}, false},
		"there, then not there": {list{"http://127.0.0.1:1", right}, true},
	} {
		s := &server{flags: &flags{routes: c.routes}, keys: ring.NewKeys(), verifier: token.NewVerifier()}
		err := s.fetchKeys(t.Context(), s.keysClient())
		if (err == nil) != c.ready || s.verifier.Ready() != c.ready {
			t.Errorf("%s: %v, ready %v", name, err, s.verifier.Ready())
		}
		for _, url := range c.routes {
			if !c.ready && !strings.Contains(err.Error(), url) {
				t.Errorf("%s: the error does not name %s: %v", name, url, err)
			}
		}
	}
}

func TestOthersReachTheNodeAtAnAddressThatIsTheirs(t *testing.T) {
	loopback, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer loopback.Close()
	port := process.Port(loopback.Addr())
	if at, err := reachable("http", loopback, ""); err != nil || at != "127.0.0.1:"+port {
		t.Errorf("on loopback: %s, %v", at, err)
	}
	if at, err := reachable("http", loopback, "192.0.2.1"); err != nil || at != "192.0.2.1:"+port {
		t.Errorf("advertised: %s, %v", at, err)
	}
	all, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer all.Close()
	at, err := reachable("http", all, "")
	host, _, _ := net.SplitHostPort(at)
	if err == nil && net.ParseIP(host).IsUnspecified() || err != nil && !errors.Is(err, process.ErrUsage) {
		t.Errorf("on all addresses: %s, %v", at, err)
	}
}

func TestGoneIsAMemberThatLeftOrStartedAgain(t *testing.T) {
	member := func(id string, boot uint64) ring.Member {
		return ring.Member{ID: id, Boot: boot, Client: "127.0.0.1:1", HTTP: "127.0.0.1:2", Weight: 1, State: ring.Serving}
	}
	before := ring.NewView([]ring.Member{member("node-1", 1), member("node-2", 1)})
	for name, c := range map[string]struct {
		after []ring.Member
		want  bool
	}{
		"the same":   {[]ring.Member{member("node-1", 1), member("node-2", 1)}, false},
		"one more":   {[]ring.Member{member("node-1", 1), member("node-2", 1), member("node-3", 1)}, false},
		"one left":   {[]ring.Member{member("node-1", 1)}, true},
		"one anew":   {[]ring.Member{member("node-1", 1), member("node-2", 2)}, true},
		"nobody now": {nil, true},
	} {
		if got := anyGone(before, ring.NewView(c.after)); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
