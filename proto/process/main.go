package process

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// Exit statuses of the programs.
const (
	ExitOK    = 0
	ExitError = 1 // the program failed
	ExitUsage = 2 // the flags are wrong
	ExitParts = 3 // the program has done only a part of its work
)

// ErrParts means that a program has done only a part of its work. The program's error
// wraps it, and the program exits with 3.
var ErrParts = errors.New("only a part of the work was done")

// Main calls the function run and returns the exit status of the program. At SIGINT or
// SIGTERM the context of run ends, and run should stop gracefully. A second signal
// kills the process. If run returns an error, Main prints it in one line on stderr.
func Main(name string, run func(ctx context.Context, args []string, stderr io.Writer) error) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // after this, a second signal has its usual effect
	return Status(name, run(ctx, os.Args[1:], os.Stderr), os.Stderr)
}

// Status prints err in one line on stderr and returns the exit status for it.
func Status(name string, err error, stderr io.Writer) int {
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		return ExitOK
	case errors.Is(err, flag.ErrHelp):
		return ExitUsage
	case errors.Is(err, ErrUsage):
		fmt.Fprintf(stderr, "%s: %v (-h lists the flags)\n", name, err)
		return ExitUsage
	}
	fmt.Fprintf(stderr, "%s: %v\n", name, err)
	if errors.Is(err, ErrParts) {
		return ExitParts
	}
	return ExitError
}
