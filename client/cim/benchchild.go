package main

import (
	"context"
	"flag"
	"io"
	"os"

	"github.com/cim-go/cim/client/cim/lab/bench/attack"
	"github.com/cim-go/cim/client/cim/lab/bench/baseline"
	"github.com/cim-go/cim/proto/process"
)

// The functions of this file are the processes that `cim bench` starts beside a cluster.
// Each ends when its standard input ends.

// runLimit is `cim bench limit`, a server that does as little as possible. The bench
// compares the servers of the system with it.
func runLimit(ctx context.Context, args []string, stderr io.Writer) error {
	if err := process.Parse(childFlags("limit", stderr), args); err != nil {
		return err
	}
	ctx, cancel := whileInput(ctx)
	defer cancel()
	return baseline.Serve(ctx, os.Stdout)
}

// runSink is `cim bench sink`. The control phase of `cim bench abuse` attacks this
// process, not the cluster.
func runSink(ctx context.Context, args []string, stderr io.Writer) error {
	if err := process.Parse(childFlags("sink", stderr), args); err != nil {
		return err
	}
	ctx, cancel := whileInput(ctx)
	defer cancel()
	return attack.ServeSink(ctx, os.Stdout)
}

// runAttack is `cim bench attack`. It reads its plan from the standard input.
func runAttack(ctx context.Context, args []string, stderr io.Writer) error {
	if err := process.Parse(childFlags("attack", stderr), args); err != nil {
		return err
	}
	return attack.Serve(ctx, os.Stdin, os.Stdout)
}

func childFlags(name string, stderr io.Writer) *flag.FlagSet {
	fs := flag.NewFlagSet("cim bench "+name, flag.ContinueOnError)
	fs.SetOutput(stderr)
	return fs
}

// whileInput returns a context that ends when ctx ends or when the standard input ends.
func whileInput(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() { // ends with the input or with the process
		defer cancel()
		_, _ = io.Copy(io.Discard, os.Stdin)
	}()
	return ctx, cancel
}
