package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/cim-go/cim/client/cim/lab/bench/abuse"
	"github.com/cim-go/cim/proto/process"
)

// runAbuse is `cim bench abuse`. It measures how much abuse by others slows the users of a
// cluster down.
func runAbuse(ctx context.Context, args []string, stderr io.Writer) error {
	fs := flag.NewFlagSet("cim bench abuse", flag.ContinueOnError)
	fs.SetOutput(stderr)
	c := abuse.Config{Out: stderr}
	fs.IntVar(&c.Runs, "runs", 5, "`times` that each phase is measured; the table shows medians")
	fs.DurationVar(&c.Duration, "duration", 20*time.Second, "`time` that is measured in each phase")
	fs.IntVar(&c.Pairs, "pairs", 10, "`pairs` of users who write to each other")
	fs.Float64Var(&c.Rate, "rate", 100, "`messages` per second of all users together")
	fs.IntVar(&c.Bodies, "bodies", 1000, "unfinished `requests` held at once, half of them from the users' address")
	fs.IntVar(&c.Frames, "frames", 2000, "unfinished `frames` held at once")
	fs.IntVar(&c.Guessers, "guessers", 64, "`guessers` of passwords, each with an address")
	fs.Float64Var(&c.GuessRate, "guess-rate", 10, "`guesses` per second of each guesser")
	fs.IntVar(&c.OwnBodies, "own-bodies", 500, "unfinished `requests` from the users' address, while they log in")
	fs.IntVar(&c.Guesses, "guesses", 10_000, "`guesses` at one account from many addresses")
	fs.IntVar(&c.Addresses, "addresses", 1000, "`addresses` of those guesses")
	fs.DurationVar(&c.GuessTime, "guess-time", time.Minute, "`time` in which those guesses come")
	fs.DurationVar(&c.MostLate, "late", 20*time.Millisecond, "`time` by which a timer of 10 ms may be late; a phase in which one is later is thrown away")
	fs.StringVar(&c.Redis, "redis", "spawn", "store: spawn (a redis-server of its own), embedded, or the `URL` of an empty one that runs")
	check := fs.Bool("check", false, "exit with 1 if a bound does not hold")
	asJSON := fs.Bool("json", false, "print the figures for machines")
	if err := process.Parse(fs, args); err != nil {
		return err
	}
	report, err := abuse.Run(ctx, c)
	if errors.Is(err, abuse.ErrConfig) {
		return fmt.Errorf("%w: %w", process.ErrUsage, err)
	}
	if err != nil {
		return err
	}
	if err := printed(report, *asJSON); err != nil {
		return err
	}
	if missed := report.Missed(); *check && len(missed) > 0 {
		return fmt.Errorf("%w: %s", errMissed, strings.Join(missed, "; "))
	}
	return nil
}

// errMissed is the error of a run in which a measured value was above its bound.
var errMissed = errors.New("a bound does not hold")
