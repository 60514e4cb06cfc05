package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/cim-go/cim/client/cim/lab/bench"
	"github.com/cim-go/cim/client/cim/lab/bench/scale"
	"github.com/cim-go/cim/proto/process"
)

// runScale is `cim bench scale`. It computes how clusters that are too large for one
// machine would behave.
func runScale(ctx context.Context, args []string, stderr io.Writer) error {
	fs := flag.NewFlagSet("cim bench scale", flag.ContinueOnError)
	fs.SetOutput(stderr)
	members := fs.String("members", "10,100,1000,10000", "rings and clusters: `numbers` of nodes, comma-separated")
	users := fs.Int("users", 1_000_000, "`number` of users who land on each ring")
	gossips := fs.String("gossip", "10,100,1000,5000", "simulated gossip: `numbers` of members, comma-separated")
	trials := fs.Int("trials", 11, "`times` that each is simulated")
	seed := fs.Uint64("seed", 1, "`number` from which the simulation follows")
	report := fs.String("report", "", "`file` with a report of cim bench -json, for what an event costs here")
	m := scale.Machine{}
	fs.Float64Var(&m.Cores, "cores", 4, "`cores` of a node")
	fs.Float64Var(&m.Memory, "memory", 16e9, "`bytes` of memory of a node")
	fs.Float64Var(&m.Use, "use", 0.5, "`part` of cores and memory that may be used; the rest is a reserve for failures of other nodes")
	fs.Float64Var(&m.Most, "capacity", 100_000, "most `connections` of a node: its -capacity")
	asJSON := fs.Bool("json", false, "print the figures for machines")
	if err := process.Parse(fs, args); err != nil {
		return err
	}
	sizes, err := numbers(*members)
	if err != nil {
		return fmt.Errorf("%w: -members: %w", process.ErrUsage, err)
	}
	gossiping, err := numbers(*gossips)
	if err != nil {
		return fmt.Errorf("%w: -gossip: %w", process.ErrUsage, err)
	}
	if *users < 1 || *trials < 1 || m.Cores <= 0 || m.Memory <= 0 || m.Use <= 0 || m.Most <= 0 {
		return fmt.Errorf("%w: each number must be more than 0", process.ErrUsage)
	}
	r := &scale.Report{Machine: m}
	if r.Costs, err = costs(*report); err != nil {
		return err
	}
	if err := model(ctx, r, sizes, gossiping, *users, *trials, *seed); err != nil {
		return err
	}
	if *asJSON {
		return r.JSON(os.Stdout)
	}
	return r.Print(os.Stdout)
}

// losses has the share of packets that each simulated network loses, from 0 to 1.
var losses = []float64{0, 0.05, 0.25}

func model(ctx context.Context, r *scale.Report, sizes, gossiping []int, users, trials int, seed uint64) error {
	for _, n := range sizes {
		if n < 1 {
			return fmt.Errorf("%w: -members %d: want at least 1", process.ErrUsage, n)
		}
		r.Rings = append(r.Rings, scale.Rings(n, users))
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	for _, n := range gossiping {
		if n < 3 {
			return fmt.Errorf("%w: -gossip %d: want at least 3", process.ErrUsage, n)
		}
		for _, loss := range losses {
			r.Gossip = append(r.Gossip, scale.Converge(n, loss, trials, seed))
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
	}
	for _, n := range append([]int{1}, sizes...) {
		r.Carried = append(r.Carried, scale.Carry(n, r.Costs, r.Machine))
	}
	return nil
}

func costs(path string) (scale.Costs, error) {
	if path == "" {
		return scale.DefaultCosts, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return scale.Costs{}, fmt.Errorf("read -report: %w", err)
	}
	var measured bench.Report
	if err := json.Unmarshal(b, &measured); err != nil {
		return scale.Costs{}, fmt.Errorf("read -report %s: %w", path, err)
	}
	return scale.CostsOf(&measured), nil
}
