package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cim-go/cim/client/cim/lab/faas"
	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/ports"
	"github.com/cim-go/cim/proto/wait"
	"github.com/cim-go/cim/routefn/routetest"
)

// A function that lacks something answers every request with a code, within its time
// and in the same instance. Its log says once what is missing.
func TestFunctionThatLacksSomethingSaysWhatInTimeAndOnce(t *testing.T) {
	t.Parallel()
	silent := listen(t) // takes connections and says nothing
	t.Cleanup(func() { silent.Close() })
	for name, c := range map[string]struct {
		env  string
		told string // by the log
		lose bool   // it is there at first
	}{
		"wrong seed":            {env: "CIM_RING=seed:" + ports.ForTest(t), told: "members are unknown or too old: request members"},
		"silent seed":           {env: "CIM_RING=seed:" + silent.Addr().String(), told: "members are unknown or too old: request members"},
		"Redis refuses":         {env: "CIM_REDIS=redis://" + ports.ForTest(t), told: "connection refused"},
		"Redis says nothing":    {env: "CIM_REDIS=redis://" + silent.Addr().String(), told: "timeout"},
		"no secret":             {env: "CIM_CLUSTER_KEY=", told: "needs -cluster-key"},
		"no file of the secret": {env: "CIM_CLUSTER_KEY=file:" + filepath.Join(t.TempDir(), "key"), told: "read -cluster-key"},
		"members too old":       {env: "CIM_RING_STALE=1s", told: "members are unknown or too old", lose: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			world := routetest.NewWorld(t)
			f := startLacking(t, append(world.Env(), c.env))
			if c.lose {
				if status, body := f.login(); status != http.StatusOK {
					t.Fatalf("with members: %d %s", status, body)
				}
				world.Members.Close()
				eventually(t, "members are too old", func() bool { status, _ := f.login(); return status != http.StatusOK })
			}
			for range 4 {
				status, body := f.login()
				if status != http.StatusServiceUnavailable || !strings.Contains(body, fmt.Sprintf(`"code":%d`, proto.Unavailable)) {
					t.Errorf("answer is %d %s", status, body)
				}
			}
			f.wantTold(c.told)
			if s := f.function.Stats(); s.Started != 1 {
				t.Errorf("%d instances were started", s.Started)
			}
		})
	}
}

// lacking is a function that does not have all it needs.
type lacking struct {
	t        *testing.T
	function *faas.Function
	front    *faas.Front

	mu  sync.Mutex
	log bytes.Buffer
}

func startLacking(t *testing.T, env []string) *lacking {
	t.Helper()
	program, err := exec.LookPath("cim-route")
	if err != nil {
		t.Fatal(err)
	}
	f := &lacking{t: t}
	if f.function, err = faas.New(faas.Config{Command: []string{program}, Env: env, Log: f}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.function.Close)
	f.front = &faas.Front{Function: f.function, Shape: faas.Shapes[0]}
	return f
}

// Write takes what the function says.
func (f *lacking) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.log.Write(b)
}

// login asks for a node for alice; an open cluster needs no more than her name.
func (f *lacking) login() (status int, body string) {
	f.t.Helper()
	r := httptest.NewRequest(http.MethodPost, proto.PathRegister, strings.NewReader(`{"name":"alice"}`))
	r.Header.Set("Content-Type", "application/json")
	f.front.ServeHTTP(httptest.NewRecorder(), r)
	f.function.Settle()
	r = httptest.NewRequest(http.MethodPost, proto.PathLogin, strings.NewReader(`{"name":"alice","device":"phone"}`))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	begun := time.Now()
	f.front.ServeHTTP(w, r)
	if took := time.Since(begun); took > wait.Slack*10*time.Second {
		f.t.Errorf("the answer took %v", took)
	}
	f.function.Settle()
	return w.Code, w.Body.String()
}

// wantTold checks that one warning in the log says what, and that none stands there
// twice.
func (f *lacking) wantTold(what string) {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	told, warnings := 0, make(map[string]int)
	for line := range strings.Lines(f.log.String()) {
		_, line, _ = strings.Cut(line, " ") // the time
		if strings.HasPrefix(line, "level=WARN") || strings.HasPrefix(line, "level=ERROR") {
			if warnings[line]++; warnings[line] > 1 {
				f.t.Errorf("told again: %s", line)
			}
			told += strings.Count(line, what)
		}
	}
	if told != 1 {
		f.t.Errorf("%q is told %d times:\n%s", what, told, f.log.String())
	}
}
