package routeserver

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/ports"
	"github.com/cim-go/cim/routefn/record/embedded"
)

const clusterKey = "a cluster key of the tests"

// ask sends one request to a function, which may take as long as on Lambda.
func ask(t *testing.T, f http.Handler, method, path, body string) (int, proto.ErrorAnswer) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(ctx, method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	f.ServeHTTP(w, r)
	if ctx.Err() != nil {
		t.Errorf("%s %s took all the time there is", method, path)
	}
	var answer proto.ErrorAnswer
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil && w.Code >= 300 {
		t.Errorf("%s %s answers %q", method, path, w.Body)
	}
	return w.Code, answer
}

func newFunction(t *testing.T, log *bytes.Buffer, args ...string) *function {
	t.Helper()
	h, err := Function(args, log)
	if err != nil {
		t.Fatal(err)
	}
	f := h.(*function)
	t.Cleanup(f.close)
	return f
}

// nobody returns an address at which nobody listens or can listen before the test ends,
// because the test holds the port.
func nobody(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	at, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", at.(*syscall.SockaddrInet4).Port)
}

// silent returns the address of a listener that takes connections and answers nothing.
func silent(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

func TestFunctionThatLacksSomethingSaysSoAndLives(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(empty, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		log  string
	}{
		"no cluster key":      {[]string{"-redis", "embedded"}, "needs -cluster-key"},
		"no file of the key":  {[]string{"-redis", "embedded", "-cluster-key", "file:" + empty + "2"}, "read -cluster-key"},
		"empty file":          {[]string{"-redis", "embedded", "-cluster-key", "file:" + empty}, "is empty"},
		"short route key":     {[]string{"-redis", "embedded", "-cluster-key", clusterKey, "-route-key", "short"}, "needs at least 16"},
		"nobody is the store": {[]string{"-redis", "redis://" + nobody(t), "-cluster-key", clusterKey}, "connection refused"},
		"store says nothing":  {[]string{"-redis", "redis://" + silent(t), "-cluster-key", clusterKey}, "timeout"},
		"no such handler":     {[]string{"-redis", "embedded", "-cluster-key", clusterKey, "-only", "login,sing"}, "sing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			f := newFunction(t, &log, c.args...)
			for range 2 {
				status, answer := ask(t, f, "POST", proto.PathLogin, `{"name":"alice","device":"phone"}`)
				if status != 503 || answer.Code != proto.Unavailable {
					t.Errorf("answer is %d %v", status, answer)
				}
			}
			if status, _ := ask(t, f, "GET", proto.PathHealth, ""); status != 200 {
				t.Errorf("liveness is %d", status)
			}
			if status, _ := ask(t, f, "GET", proto.PathReady, ""); status != 503 {
				t.Errorf("readiness is %d", status)
			}
			if n := strings.Count(log.String(), "cannot serve"); n != 1 || !strings.Contains(log.String(), c.log) {
				t.Errorf("told %d times, want once and %q:\n%s", n, c.log, log.String())
			}
		})
	}
}

func TestFunctionServesAsSoonAsTheStoreIsThere(t *testing.T) {
	var log bytes.Buffer
	at := ports.ForTest(t)
	f := newFunction(t, &log, "-redis", "redis://"+at, "-allow-embedded", "-auth", "open", "-cluster-key", clusterKey)
	if status, _ := ask(t, f, "POST", proto.PathRegister, `{"name":"alice"}`); status != 503 {
		t.Fatalf("without a store: %d", status)
	}
	store, err := embedded.Start(at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(store.Close)
	if status, answer := ask(t, f, "POST", proto.PathRegister, `{"name":"alice"}`); status != 200 {
		t.Errorf("with one: %d %v\n%s", status, answer, log.String())
	}
}

func TestFunctionThatLosesItsStoreSaysSo(t *testing.T) {
	store, err := embedded.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	f := newFunction(t, &log, "-redis", store.URL(), "-allow-embedded", "-auth", "open", "-cluster-key", clusterKey)
	if status, answer := ask(t, f, "POST", proto.PathRegister, `{"name":"alice"}`); status != 200 {
		t.Fatalf("register: %d %v\n%s", status, answer, log.String())
	}
	store.Close()
	for range 3 {
		if status, answer := ask(t, f, "POST", proto.PathRegister, `{"name":"bob"}`); status != 503 || answer.Code != proto.Unavailable {
			t.Errorf("without a store: %d %v", status, answer)
		}
	}
	if n := strings.Count(log.String(), "request failed"); n != 1 {
		t.Errorf("told %d times:\n%s", n, log.String())
	}
}

func TestFunctionWithoutMembersSaysSo(t *testing.T) {
	for name, seed := range map[string]string{"nobody is the seed": nobody(t), "seed says nothing": silent(t)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			f := newFunction(t, &log, "-redis", "embedded", "-auth", "open", "-cluster-key", clusterKey, "-ring", "seed:"+seed)
			if status, answer := ask(t, f, "POST", proto.PathRegister, `{"name":"alice"}`); status != 200 {
				t.Fatalf("register: %d %v\n%s", status, answer, log.String())
			}
			for range 2 {
				status, answer := ask(t, f, "POST", proto.PathLogin, `{"name":"alice","device":"phone"}`)
				if status != 503 || answer.Code != proto.Unavailable {
					t.Errorf("login: %d %v", status, answer)
				}
			}
			if n := strings.Count(log.String(), "did not return its members"); n != 1 {
				t.Errorf("told %d times:\n%s", n, log.String())
			}
		})
	}
}

func TestFunctionWithSomeHandlersHasNoOthers(t *testing.T) {
	var log bytes.Buffer
	f := newFunction(t, &log, "-redis", "embedded", "-cluster-key", clusterKey, "-only", "register,node-report")
	for path, want := range map[string]int{
		proto.PathRegister: 400, proto.PathNodeReport: 401, proto.PathLogin: 404, proto.PathNodeSend: 404,
	} {
		if status, answer := ask(t, f, "POST", path, ""); status != want {
			t.Errorf("POST %s: %d %v, want %d\n%s", path, status, answer, want, log.String())
		}
	}
	for path, want := range map[string]int{
		proto.PathHealth: 200, proto.PathReady: 503, proto.PathMetrics: 404, proto.PathNodeStream: 404, "/": 404,
	} {
		if status, _ := ask(t, f, "GET", path, ""); status != want {
			t.Errorf("GET %s: %d, want %d", path, status, want)
		}
	}
}

func TestFunctionKeepsItsMetricsAndTakesNoStreams(t *testing.T) {
	var log bytes.Buffer
	f := newFunction(t, &log, "-redis", "embedded", "-cluster-key", clusterKey)
	for path, want := range map[string]int{proto.PathMetrics: 404, proto.PathNodeStream: 404, "/": 200} {
		if status, _ := ask(t, f, "GET", path, ""); status != want {
			t.Errorf("GET %s: %d, want %d", path, status, want)
		}
	}
}

func TestFunctionHoldsNoSessionWithZooKeeper(t *testing.T) {
	if _, err := Function([]string{"-ring", "zk:127.0.0.1:2181"}, new(bytes.Buffer)); err == nil || !strings.Contains(err.Error(), "seed:") {
		t.Errorf("error is %v", err)
	}
}
