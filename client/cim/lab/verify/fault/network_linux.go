package fault

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
)

// ownNetwork marks a process that OwnNetwork has started.
const ownNetwork = "CIM_VERIFY_NETWORK"

// OwnNetwork starts the program again, as the same process, in a network of its own with
// only the loopback device. There, faults can cut gossip and lose packets without harm to
// other processes. The network ends with the process. In the new network, OwnNetwork
// returns nil. If it cannot make the network, it returns an error with the reason.
func OwnNetwork(ctx context.Context) error {
	if os.Getenv(ownNetwork) != "" {
		return openNetwork(ctx)
	}
	if os.Geteuid() != 0 {
		return errors.New("a network of its own needs root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		return errors.New("there is no command ip (package iproute2)")
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find own program: %w", err)
	}
	// A namespace belongs to a thread, and the program that this thread starts keeps it.
	// If starting fails, no other goroutine may run on this thread. So the thread is
	// locked, and ends with its goroutine.
	runtime.LockOSThread()
	if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
		return fmt.Errorf("make a network: %w", err)
	}
	return fmt.Errorf("start again: %w", syscall.Exec(self, os.Args, append(os.Environ(), ownNetwork+"=1")))
}

// openNetwork sets up the run's own network. By default, the table of local addresses
// comes before all other rules. openNetwork moves the table behind them. If it did not, no
// rule could apply to loopback.
func openNetwork(ctx context.Context) error {
	for _, command := range []string{"link set lo up", "rule add pref 100 lookup local", "rule delete pref 0"} {
		if err := ip(ctx, strings.Fields(command)...); err != nil {
			return err
		}
	}
	return nil
}

// ip runs the command ip.
func ip(ctx context.Context, args ...string) error {
	if out, err := exec.CommandContext(ctx, "ip", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
