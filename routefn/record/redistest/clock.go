package redistest

import (
	"context"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

//go:embed clock/offset.c
var offsetSource string

// ErrNoClock is returned if this machine does not run Linux or has no C compiler. A Clock
// needs both.
var ErrNoClock = errors.New("a clock that can be set needs Linux and a C compiler (cc)")

// Clock is a wall clock for servers, which a test can set. A server that is started with
// a Clock loads a library first, which replaces the system's functions for the time. The
// library is our own, because libfaketime does not work with the allocator of Debian's
// redis-server.
type Clock struct {
	library string
	offset  *os.File // 8 bytes: seconds, in the machine's byte order
}

// NewClock makes a clock that shows the right time, and puts its files into dir. The
// caller closes it.
func NewClock(ctx context.Context, dir string) (*Clock, error) {
	cc, err := exec.LookPath("cc")
	if err != nil || runtime.GOOS != "linux" {
		return nil, ErrNoClock
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make folder of clock: %w", err)
	}
	c := &Clock{library: filepath.Join(dir, "clock.so")}
	compile := exec.CommandContext(ctx, cc, "-shared", "-fPIC", "-O2", "-x", "c", "-o", c.library, "-")
	compile.Stdin = strings.NewReader(offsetSource)
	if out, err := compile.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("compile clock: %w: %s", err, out)
	}
	if c.offset, err = os.Create(filepath.Join(dir, "clock-offset")); err != nil {
		return nil, fmt.Errorf("make clock: %w", err)
	}
	if err := c.Set(0); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// Set makes the clock differ from the right time by offset, in whole seconds, from now
// on.
func (c *Clock) Set(offset time.Duration) error {
	seconds := uint64(int64(offset / time.Second))
	if _, err := c.offset.WriteAt(binary.NativeEndian.AppendUint64(nil, seconds), 0); err != nil {
		return fmt.Errorf("set clock: %w", err)
	}
	return nil
}

// Close closes the clock's file. Running servers keep their clock.
func (c *Clock) Close() error { return c.offset.Close() }

// environment returns the environment variables that make a process use the clock. If c
// is nil, there are none.
func (c *Clock) environment() []string {
	if c == nil {
		return nil
	}
	return []string{"LD_PRELOAD=" + c.library, "CIM_CLOCK_OFFSET=" + c.offset.Name()}
}
