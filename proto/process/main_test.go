package process

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestStatusTellsMistakesFromFailures(t *testing.T) {
	for name, c := range map[string]struct {
		err    error
		status int
		says   string
	}{
		"done":    {nil, ExitOK, ""},
		"stopped": {fmt.Errorf("run: %w", context.Canceled), ExitOK, ""},
		"help":    {flag.ErrHelp, ExitUsage, ""},
		"flags":   {fmt.Errorf("%w: -weight 0", ErrUsage), ExitUsage, "cim: wrong usage: -weight 0 (-h lists the flags)\n"},
		"parts":   {fmt.Errorf("%w: 2 lines", ErrParts), ExitParts, "cim: only a part of the work was done: 2 lines\n"},
		"failed":  {io.ErrUnexpectedEOF, ExitError, "cim: unexpected EOF\n"},
	} {
		var stderr bytes.Buffer
		if status := Status("cim", c.err, &stderr); status != c.status || stderr.String() != c.says {
			t.Errorf("%s: %d, %q", name, status, stderr.String())
		}
	}
}

func TestPortInUseIsNamedOrGivesWay(t *testing.T) {
	first, err := Listen("listen", "127.0.0.1:0", false)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	address := first.Addr().String()
	if _, err := Listen("listen", address, false); err == nil || !strings.Contains(err.Error(), "-listen "+address+": the port is in use") {
		t.Errorf("without roam: %v", err)
	}
	second, err := Listen("listen", address, true)
	if err != nil {
		t.Fatalf("with roam: %v", err)
	}
	defer second.Close()
	if Port(second.Addr()) == Port(first.Addr()) {
		t.Errorf("both have port %s", Port(first.Addr()))
	}
	if _, err := Listen("http", "nowhere", true); err == nil || !strings.Contains(err.Error(), "-http nowhere") {
		t.Errorf("no address: %v", err)
	}
}

func TestServeFinishesRequestsWhenItStops(t *testing.T) {
	listener, err := Listen("http", "127.0.0.1:0", false)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	arrived := make(chan struct{})
	served := make(chan error, 1)
	go func() {
		served <- Serve(ctx, listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			close(arrived)
			<-ctx.Done()
			io.WriteString(w, "whole")
		}))
	}()
	answered := make(chan string, 1)
	go func() {
		answer, err := http.Get("http://" + listener.Addr().String())
		if err != nil {
			answered <- err.Error()
			return
		}
		defer answer.Body.Close()
		b, _ := io.ReadAll(answer.Body)
		answered <- string(b)
	}()
	<-arrived
	stop()
	if got := <-answered; got != "whole" {
		t.Errorf("the request got %q", got)
	}
	select {
	case err := <-served:
		if err != nil {
			t.Errorf("Serve: %v", err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("Serve does not return")
	}
}

func TestServeReturnsWhyItCannot(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	if err := Serve(t.Context(), listener, http.NotFoundHandler()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("%v", err)
	}
}

func TestLevelOfALogChangesWhileItIsUsed(t *testing.T) {
	var out bytes.Buffer
	l := Log{Level: "warn", Format: "json"}
	logger, err := l.Logger(&out)
	if err != nil {
		t.Fatal(err)
	}
	logger.Info("first")
	if err := l.SetLevel("debug"); err != nil {
		t.Fatal(err)
	}
	logger.Debug("second")
	if got := out.String(); strings.Contains(got, "first") || !strings.Contains(got, `"msg":"second"`) {
		t.Errorf("the log has %s", got)
	}
	if err := l.SetLevel("loud"); !errors.Is(err, ErrUsage) || !logger.Enabled(t.Context(), slog.LevelDebug) {
		t.Errorf("a wrong level: %v", err)
	}
	for _, wrong := range []*Log{{Level: "loud", Format: "text"}, {Level: "info", Format: "xml"}} {
		if _, err := wrong.Logger(&out); !errors.Is(err, ErrUsage) {
			t.Errorf("level %s, format %s: %v", wrong.Level, wrong.Format, err)
		}
	}
}

func TestProfilesAreForThisMachineOnly(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:6060": true, "localhost:6060": true, "[::1]:6060": true,
		":6060": false, "0.0.0.0:6060": false, "192.0.2.1:6060": false, "example.com:6060": false, "6060": false,
	} {
		if got := Loopback(address); got != want {
			t.Errorf("Loopback(%q) = %v", address, got)
		}
	}
	open := Profile{At: "0.0.0.0:0"}
	if err := open.Run(t.Context(), slog.New(slog.DiscardHandler)); !errors.Is(err, ErrUsage) {
		t.Errorf("profiles for everybody: %v", err)
	}
	for _, at := range []string{"", "internal", "off"} {
		if err := (&Profile{At: at}).Run(t.Context(), nil); err != nil {
			t.Errorf("-pprof %q: %v", at, err)
		}
	}
}

func TestProfilesAreNeverBesideClients(t *testing.T) {
	for name, c := range map[string]struct {
		at          string
		apart       bool
		keyed       bool
		served, bad bool
	}{
		"one listener":                     {},
		"one listener, a key":              {keyed: true},
		"two listeners on this machine":    {apart: true},
		"two listeners, a key":             {apart: true, keyed: true, served: true},
		"off":                              {at: "off", apart: true, keyed: true},
		"an address":                       {at: "127.0.0.1:6060", apart: true, keyed: true},
		"asked for":                        {at: "internal", apart: true, served: true},
		"asked for where there is no such": {at: "internal", keyed: true, bad: true},
	} {
		handler, err := (&Profile{At: c.at}).Internal("internal-listen", c.apart, c.keyed)
		if (handler != nil) != c.served || errors.Is(err, ErrUsage) != c.bad {
			t.Errorf("%s: %v, %v", name, handler, err)
		}
	}
}

// A profile of some seconds is whole, however short requests must be elsewhere.
func TestProfileTakesLongerThanARequestMay(t *testing.T) {
	handler, err := (&Profile{At: "internal"}).Internal("http", true, false)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(handler)
	server.Config.ReadTimeout = time.Second
	server.Start()
	defer server.Close()
	answer, err := http.Get(server.URL + "/debug/pprof/goroutine?seconds=2")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if b, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != http.StatusOK || len(b) == 0 {
		t.Errorf("%s, %d bytes, %v", answer.Status, len(b), err)
	}
	for path, want := range map[string]int{"/debug/pprof/": 200, "/debug/pprof/heap": 200, "/debug/pprof/cmdline": 404, "/metrics": 404} {
		answer, err := http.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("%s: %s, want %d", path, answer.Status, want)
		}
	}
}
