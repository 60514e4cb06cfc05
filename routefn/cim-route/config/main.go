package config

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
	ExitError = 1 // what was tried did not work
	ExitUsage = 2 // the flags are wrong
)

// Main runs a program until it ends, or until SIGINT or SIGTERM asks it to: run
// gets a context that ends then and is expected to stop gracefully. A second
// signal kills. Errors are told in one line on stderr; the exit status is
// returned.
func Main(name string, run func(ctx context.Context, args []string, stderr io.Writer) error) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the second signal has its usual effect
	return Status(name, run(ctx, os.Args[1:], os.Stderr), os.Stderr)
}

// Status tells err in one line and returns the exit status for it.
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
	return ExitError
}
