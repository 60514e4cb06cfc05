package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/cim-go/cim/client/cim/lab/up"
	"github.com/cim-go/cim/client/cim/lab/verify"
	"github.com/cim-go/cim/client/cim/lab/verify/fault"
	"github.com/cim-go/cim/client/cim/lab/verify/ledger"
	"github.com/cim-go/cim/proto/process"
)

// errBroken is the error of a run that found violations.
var errBroken = errors.New("the promise was broken")

// errCutShort is the error of a run that found no violations, but was cut short.
var errCutShort = errors.New("the run was cut short")

// runVerify is `cim verify`. It breaks parts of a whole cluster on this machine. Meanwhile
// it checks whether messages are lost, doubled or out of order.
func runVerify(ctx context.Context, args []string, stderr io.Writer) error {
	fs := flag.NewFlagSet("cim verify", flag.ContinueOnError)
	fs.SetOutput(stderr)
	c := verify.Config{Out: os.Stdout}
	fs.Uint64Var(&c.Seed, "seed", rand.Uint64N(1_000_000), "`number` that decides traffic and faults; by default another one each time")
	fs.DurationVar(&c.Duration, "duration", time.Minute, "`time` for which users send and faults happen")
	faults := fs.String("faults", "all", "`names` of faults, separated by commas; all; none; help: list them")
	fs.StringVar(&c.Store, "store", verify.Auto, "`form` of the store: single, sentinel, cluster, or auto (one that the faults need; the seed chooses among several)")
	fs.StringVar(&c.Ack, "ack", verify.AckPrimary, "`who` must have a message before it is accepted: primary (may lose the last moments in a failover), or replica")
	fs.IntVar(&c.Users, "users", 100, "`number` of users")
	fs.IntVar(&c.CIMShare, "cim-share", 0, "`percent` of the users that also have a CIM client; 0: 5 percent, and at most 8 users")
	fs.IntVar(&c.Nodes, "nodes", 3, "`number` of nodes")
	fs.IntVar(&c.Routes, "routes", 2, "`number` of routes")
	fs.StringVar(&c.Route, "route", up.RouteServer, "`form` of the routes: server, or lambda (functions, as in cim up)")
	fs.StringVar(&c.Auth, "auth", verify.AuthOpen, "`mode` of accounts: open, or password; with passwords there are no CIM clients, which have none")
	fs.BoolVar(&c.TLS, "tls", false, "speak TLS on every hop, with an authority that is made for the run; there are no CIM clients, which speak none")
	fs.BoolVar(&c.Keys, "keys", false, "give each process a key and a certificate of its own; -tls includes it")
	fs.Float64Var(&c.Rate, "rate", 60, "`messages` per second, of all users together")
	fs.StringVar(&c.Limits, "limits", "", "what routes allow one account: off, default, or a `file` of limits; empty: off")
	fs.IntVar(&c.Keep, "keep", 0, "most `messages` that a log keeps; 0: as many as a route keeps by default. A small number makes logs be trimmed all the time")
	fs.DurationVar(&c.Settle, "settle", verify.Settle, "`time` within which everything must be delivered once all faults are healed")
	fs.StringVar(&c.Dir, "dir", "", "`folder` for the ledger, logs and data; empty: a temporary one, kept if something is wrong")
	check := fs.String("check", "", "judge the ledger in this `file`, and run nothing")
	if err := process.Parse(fs, args); err != nil {
		return err
	}
	switch *faults {
	case "help":
		return listFaults(os.Stdout)
	case "none":
	default:
		c.Faults = strings.Split(*faults, ",")
	}
	if *check == "" && (*faults == "all" || slices.ContainsFunc(c.Faults, fault.NeedsNetwork)) {
		if err := fault.OwnNetwork(ctx); err != nil {
			c.NoNetwork = err.Error()
		}
	}
	verdict, err := judge(ctx, c, *check)
	if errors.Is(err, verify.ErrConfig) {
		return fmt.Errorf("%w: %w", process.ErrUsage, err)
	}
	if err != nil {
		return err
	}
	fmt.Println("\nverdict")
	if err := verdict.Print(os.Stdout); err != nil {
		return err
	}
	if n := verdict.Violations(); n > 0 {
		return fmt.Errorf("%w %d times", errBroken, n)
	}
	if verdict.CutShort != "" {
		return fmt.Errorf("%w: %s", errCutShort, verdict.CutShort)
	}
	return nil
}

func judge(ctx context.Context, c verify.Config, path string) (ledger.Verdict, error) {
	if path != "" {
		return verify.Check(path)
	}
	return verify.Run(ctx, c)
}

func listFaults(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	for _, f := range fault.All() {
		r := f.Rhythm()
		fmt.Fprintf(table, "%s\t%s\tevery %v to %v\n", f.Name(), f.Story(), r.Every.Min, r.Every.Max)
	}
	return table.Flush()
}
