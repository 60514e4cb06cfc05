package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/cim-go/cim/client/cim/lab/faas"
	"github.com/cim-go/cim/proto/ports"
	"github.com/cim-go/cim/routefn/routetest"
)

// The same calls have the same answers whatever runs the route.
func TestRouteIsTheSameOnEveryPlatform(t *testing.T) {
	world := routetest.NewWorld(t)
	program, err := exec.LookPath("cim-route")
	if err != nil {
		t.Fatal(err)
	}
	t.Run("server", func(t *testing.T) {
		address := ports.ForTest(t)
		runRoute(t, program, append(world.Args(), "-listen", address))
		routetest.AwaitReady(t, "http://"+address)
		routetest.Suite(t, "http://"+address, "alice-server")
	})
	t.Run("function at an address", func(t *testing.T) {
		address := ports.ForTest(t)
		runRoute(t, program, append(world.Args(), "-function", "-listen", address))
		routetest.AwaitReady(t, "http://"+address)
		routetest.Suite(t, "http://"+address, "alice-function")
	})
	for _, variable := range []string{"PORT", "FUNCTIONS_CUSTOMHANDLER_PORT", "FC_SERVER_PORT"} {
		t.Run(variable, func(t *testing.T) {
			address := ports.ForTest(t)
			_, port, err := net.SplitHostPort(address)
			if err != nil {
				t.Fatal(err)
			}
			runRoute(t, program, nil, append(world.Env(), variable+"="+port)...)
			routetest.AwaitReady(t, "http://"+address)
			routetest.Suite(t, "http://"+address, "alice-"+port)
		})
	}
	for _, shape := range faas.Shapes {
		t.Run("Lambda behind "+shape.Name, func(t *testing.T) {
			function, err := faas.New(faas.Config{Command: []string{program}, Env: world.Env(), Log: t.Output()})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(function.Close)
			front := httptest.NewServer(&faas.Front{Function: function, Shape: shape})
			t.Cleanup(front.Close)
			routetest.AwaitReady(t, front.URL)
			routetest.Suite(t, front.URL, "alice-"+shape.Name)
		})
	}
}

// runRoute runs a route until the test ends.
func runRoute(t *testing.T, program string, args []string, env ...string) {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // an error means that it has ended
		if err := cmd.Wait(); err != nil {
			t.Errorf("route ends with %v", err)
		}
	})
}

// A function answers within a tenth of a second of its process's start: the first
// request after a quiet hour is a user who waits.
func TestColdStartTakesLessThanATenthOfASecond(t *testing.T) {
	limit := 100 * time.Millisecond
	if raceEnabled {
		limit *= 10
	}
	world := routetest.NewWorld(t)
	program, err := exec.LookPath("cim-route")
	if err != nil {
		t.Fatal(err)
	}
	best := time.Hour
	for range 5 { // a machine that is busy with something else may be slow once
		function, err := faas.New(faas.Config{Command: []string{program}, Env: world.Env(), Log: t.Output()})
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		w := httptest.NewRecorder()
		(&faas.Front{Function: function, Shape: faas.Shapes[0]}).ServeHTTP(w, httptest.NewRequest("GET", "/v1/members", nil))
		best = min(best, time.Since(begun))
		function.Close()
		if w.Code != http.StatusOK {
			t.Fatalf("answer is %d %s", w.Code, w.Body)
		}
	}
	t.Logf("first answer after %v", best)
	if best > limit {
		t.Errorf("the first answer took %v at best, want less than %v", best, limit)
	}
}
