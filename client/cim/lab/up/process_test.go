//go:build unix

package up

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"
)

// child names what this test binary does when a test starts it as a program.
const child = "UP_TEST_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(child) {
	case "":
		os.Exit(m.Run())
	case "polite": // until SIGTERM
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		fmt.Println("polite runs")
		<-ctx.Done()
		fmt.Println("polite ends")
	case "stubborn": // until SIGKILL
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("stubborn runs")
		time.Sleep(time.Hour)
	case "failing": // at SIGTERM
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		fmt.Println("failing runs")
		<-ctx.Done()
		fmt.Println("the disk is full")
		os.Exit(3)
	case "broken":
		fmt.Println("the port is in use")
		os.Exit(3)
	}
}

// start starts this binary as a program of that kind.
func start(t *testing.T, kind, url string) *Process {
	t.Helper()
	t.Setenv(child, kind)
	c := &Cluster{dir: t.TempDir()}
	p, err := c.launch(kind, url, []string{os.Args[0]})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return p
}

// says waits until the log of p has a line.
func says(t *testing.T, p *Process, line string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		b, err := os.ReadFile(p.Log)
		if err == nil && strings.Contains(string(b), line) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not say %q but %q", p.Name, line, b)
		}
	}
}

func TestStopLetsAProcessEndByItself(t *testing.T) {
	p := start(t, "polite", "")
	says(t, p, "polite runs")
	if !p.Running() {
		t.Fatal("it does not run")
	}
	if err := p.Stop(20 * time.Second); err != nil || p.Err() != nil || p.Running() {
		t.Fatalf("it ended with %v, %v", p.Err(), err)
	}
	says(t, p, "polite ends")
}

func TestStopWakesAPausedProcess(t *testing.T) {
	p := start(t, "polite", "")
	says(t, p, "polite runs")
	if err := p.Pause(); err != nil {
		t.Fatal(err)
	}
	if err := p.Stop(20 * time.Second); err != nil || p.Err() != nil {
		t.Fatalf("it ended with %v, %v", p.Err(), err)
	}
}

func TestStopReturnsTheFailureOfAProcessAndWhereItsLogShowsOne(t *testing.T) {
	for log, want := range map[string]string{
		"": "the disk is full",
		"one line\nWARNING: DATA RACE\nwhere\n" + strings.Repeat("x", 2*tailSize): "WARNING: DATA RACE\nwhere\n",
	} {
		p := start(t, "failing", "")
		says(t, p, "failing runs")
		if log != "" {
			if err := os.WriteFile(p.Log, []byte(log), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.Stop(20 * time.Second); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("it failed with %v, want %q", err, want)
		}
		if err := p.Stop(time.Second); err != nil {
			t.Errorf("it had ended, and failed again with %v", err)
		}
	}
}

func TestStopKillsAProcessThatDoesNotEnd(t *testing.T) {
	p := start(t, "stubborn", "")
	says(t, p, "stubborn runs")
	begun := time.Now()
	if err := p.Stop(100 * time.Millisecond); err != nil {
		t.Errorf("it failed with %v, but was killed", err)
	}
	var exit *exec.ExitError
	if err := p.Err(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("it ended with %v", err)
	}
	if took := time.Since(begun); took < 100*time.Millisecond {
		t.Fatalf("it was killed after %v", took)
	}
}

func TestProcessThatEndsIsNotReadyAndItsLastLineIsTheReason(t *testing.T) {
	p := start(t, "broken", "http://127.0.0.1:1")
	err := p.WaitReady(t.Context())
	if err == nil || !strings.Contains(err.Error(), "the port is in use") {
		t.Fatal(err)
	}
}

func TestReadyIsWhatTheProcessAnswers(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	status := make(chan int, 1)
	status <- http.StatusServiceUnavailable
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := <-status
		status <- s
		w.WriteHeader(s)
		fmt.Fprintln(w, "Waiting for the store.")
	})}
	go server.Serve(listener)
	defer server.Close()
	p := start(t, "polite", "http://"+listener.Addr().String())

	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	err = p.WaitReady(ctx)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "Waiting for the store.") {
		t.Fatalf("not ready: %v", err)
	}
	<-status
	status <- http.StatusOK
	if err := p.WaitReady(t.Context()); err != nil {
		t.Fatalf("ready: %v", err)
	}
}

func TestRestartedProcessHasALifeOfItsOwn(t *testing.T) {
	p := start(t, "polite", "")
	says(t, p, "polite runs")
	first, pid := p.Done(), p.PID()
	p.Kill()
	<-first
	if err := p.begin([]string{os.Args[0]}); err != nil {
		t.Fatal(err)
	}
	if !p.Running() || p.PID() == pid {
		t.Fatalf("running %v as %d, was %d", p.Running(), p.PID(), pid)
	}
}
