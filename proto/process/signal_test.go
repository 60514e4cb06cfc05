//go:build unix

package process

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// runMain, in the environment, makes this test binary a program whose run takes its
// time to stop.
const runMain = "PROCESS_TEST_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(runMain) == "" {
		os.Exit(m.Run())
	}
	os.Exit(Main("program", func(ctx context.Context, _ []string, _ io.Writer) error {
		fmt.Println("runs")
		<-ctx.Done()
		fmt.Println("stops")
		if os.Getenv(runMain) == "slow" {
			time.Sleep(time.Hour)
		}
		return ctx.Err()
	}))
}

func TestFirstSignalStopsAndTheSecondKills(t *testing.T) {
	for kind, want := range map[string]syscall.WaitStatus{"quick": 0, "slow": syscall.WaitStatus(syscall.SIGTERM)} {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), runMain+"="+kind)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { cmd.Process.Kill() })
		var line string
		for _, want := range []string{"runs", "stops"} {
			if _, err := fmt.Fscanln(out, &line); err != nil || line != want {
				t.Fatalf("%s: it says %q, %v; want %q", kind, line, err, want)
			}
			if want == "runs" {
				cmd.Process.Signal(syscall.SIGTERM)
			}
		}
		if kind == "slow" { // the signal counts from shortly after the context ended
			tick := time.NewTicker(100 * time.Millisecond)
			defer tick.Stop()
			ended := make(chan struct{})
			defer close(ended)
			go func() {
				for {
					select {
					case <-tick.C:
						cmd.Process.Signal(syscall.SIGTERM)
					case <-ended:
						return
					}
				}
			}()
		}
		cmd.Wait()
		if got := cmd.ProcessState.Sys().(syscall.WaitStatus); got != want {
			t.Errorf("%s: it ended with %#x, want %#x", kind, got, want)
		}
	}
}
