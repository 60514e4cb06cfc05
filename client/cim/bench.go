package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/cim-go/cim/client/cim/lab/bench"
	"github.com/cim-go/cim/client/cim/lab/bench/procstat"
	"github.com/cim-go/cim/proto/process"
)

const benchUsage = `cim bench [LOAD[,LOAD...]] [flags]: what this machine can do

  fanout   one writes to a thousand
  pairs    five hundred pairs write to each other
  idle     ten thousand are there
  login    five thousand come at once
  group    one writes to a group whose members are on several nodes
           (without a name: all of these)

  http     private messages by POST /v1/send, beside the same by connection
  pull     devices read 1,000 messages that they missed
  storm    all connections break at once and come back
  handshakes   pairs write while strangers begin handshakes of TLS; with -tls clients
  half     the pairs, at half of the rate that saturates the system

  -against URL measures a cluster that runs elsewhere, by default with pairs, http and login

  cim bench scale   computes what ten or a thousand nodes would do (-h has its flags)
  cim bench abuse   attacks a cluster, and measures what its users notice (-h has its flags)
`

// runBench is `cim bench`. It measures the system on this machine, and compares the
// figures with the limit of the machine.
func runBench(ctx context.Context, args []string, stderr io.Writer) error {
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		switch args[0] {
		case "limit":
			return runLimit(ctx, args[1:], stderr)
		case "scale":
			return runScale(ctx, args[1:], stderr)
		case "abuse":
			return runAbuse(ctx, args[1:], stderr)
		case "attack":
			return runAttack(ctx, args[1:], stderr)
		case "sink":
			return runSink(ctx, args[1:], stderr)
		}
	}
	fs := flag.NewFlagSet("cim bench", flag.ContinueOnError)
	fs.SetOutput(stderr)
	fs.Usage = func() {
		fmt.Fprint(stderr, benchUsage, "\n")
		fs.PrintDefaults()
	}
	c := bench.Config{Loads: bench.Usual, Out: stderr}
	registerBench(fs, &c)
	var at remote
	at.register(fs)
	asJSON := fs.Bool("json", false, "print the figures for machines")
	words, err := process.ParseWords(fs, "", args)
	if err != nil {
		return err
	}
	if len(words) > 1 {
		return fmt.Errorf("%w: unexpected argument %q", process.ErrUsage, words[1])
	}
	if len(words) == 1 {
		c.Loads = strings.Split(words[0], ",")
	}
	if err := at.apply(&c, len(words) == 0); err != nil {
		return err
	}
	report, err := bench.Run(ctx, c)
	if errors.Is(err, bench.ErrConfig) {
		return fmt.Errorf("%w: %w", process.ErrUsage, err)
	}
	if err != nil {
		return err
	}
	if err := printed(report, *asJSON); err != nil {
		return err
	}
	if report.Check.Broken() {
		return fmt.Errorf("%w: %v", errBroken, report.Check)
	}
	return nil
}

// printed writes a report to the standard output, for people or for machines.
func printed(report interface {
	Print(io.Writer) error
	JSON(io.Writer) error
}, asJSON bool) error {
	if asJSON {
		return report.JSON(os.Stdout)
	}
	return report.Print(os.Stdout)
}

func registerBench(fs *flag.FlagSet, c *bench.Config) {
	fs.IntVar(&c.Runs, "runs", 5, "`times` that everything is measured; the table shows medians")
	fs.DurationVar(&c.Duration, "duration", 5*time.Second, "`time` that is measured in each run")
	fs.DurationVar(&c.WarmUp, "warmup", 3*time.Second, "`time` before each measurement")
	fs.DurationVar(&c.Hold, "hold", 10*time.Second, "idle: `time` that is measured in each run; every connection pings every 10 s")
	fs.StringVar(&c.Profile, "profile", "", "`folder` for CPU and allocation profiles of node and route in fanout and pairs; empty: none.\nRead them with go tool pprof -top FILE")
	fs.IntVar(&c.Members, "members", 1000, "fanout: `clients` in the room")
	fs.Float64Var(&c.Publish, "publish", 20, "fanout, group: `messages` per second in paced runs")
	fs.IntVar(&c.Pairs, "pairs", 500, "pairs: `number` of pairs")
	fs.Float64Var(&c.Rate, "rate", 2000, "pairs: `messages` per second in paced runs")
	fs.IntVar(&c.Idle, "idle", 10_000, "idle: `connections`; each takes a file descriptor here and one at the node")
	fs.Float64Var(&c.IdleRate, "idle-rate", 0, "idle: `messages` per second that all connections together send")
	fs.IntVar(&c.Logins, "logins", 5000, "login: `users`")
	fs.IntVar(&c.GroupsOfUser, "groups-of-user", 0, "login: `number` of groups of a user, in two more runs: with groups of its own and with shared ones; 0: none")
	fs.Float64Var(&c.Handshakes, "handshakes", 1000, "handshakes: `number` per second that strangers begin with the node")
	fs.IntVar(&c.Storm, "storm", 5000, "storm: `connections`")
	c.Groups = []int{10, 100, 1000}
	fs.Func("groups", "group: numbers of `members`, separated by commas (default 10,100,1000)", func(s string) (err error) {
		c.Groups, err = numbers(s)
		return err
	})
	fs.IntVar(&c.Nodes, "nodes", 3, "group: `number` of nodes")
	fs.Float64Var(&c.HalfOf, "half-of", 0, "half: `messages` per second of which half are sent, to compare systems at one rate; 0: as many as the system can do")
	fs.DurationVar(&c.MostLate, "late", 20*time.Millisecond, "half, handshakes: `time` by which a timer of 10 ms may be late; a run in which one is later is thrown away and repeated")
	c.Entries = []int{0, 1000}
	fs.Func("entries", "http: `numbers` of entries in every log before, separated by commas; all is measured for each (default 0,1000)", func(s string) (err error) {
		c.Entries, err = numbers(s)
		return err
	})
	fs.IntVar(&c.Text, "text", 128, "`bytes` of a message's text")
	fs.Func("forms", "`forms` in which the system is started, separated by commas: together (one process is node and route), apart (default both)", func(s string) error {
		c.Forms = strings.Split(s, ",")
		return nil
	})
	fs.Func("tls", "`hops`, separated by commas: clients, route, redis, all. Everything is measured without TLS and with TLS at each of them,\nwhich are compared with each other and not with the limit", func(s string) error {
		c.TLS = strings.Split(s, ",")
		return nil
	})
	fs.StringVar(&c.Redis, "redis", "", "store of the system that is started: spawn (a redis-server of its own), or the `URL` of one that runs;\nempty: spawn if redis-server is installed, else embedded")
	fs.Func("route", "`URL` of a route of a running system on this machine, which is measured; nothing is started then. May be given several times", func(s string) error {
		c.Routes = append(c.Routes, strings.TrimSuffix(s, "/"))
		return nil
	})
	fs.IntVar(&c.Outstanding, "outstanding", 64, "http: `messages` under way, of one account or of as many")
	fs.Func("pid", "`name=id` of a process of the running system (id: of the process), whose CPU and memory are measured.\nMay be given several times", func(s string) error {
		p, err := parseProcess(s)
		c.Processes = append(c.Processes, p)
		return err
	})
}

func numbers(s string) ([]int, error) {
	var list []int
	for item := range strings.SplitSeq(s, ",") {
		n, err := strconv.Atoi(item)
		if err != nil {
			return nil, err
		}
		list = append(list, n)
	}
	return list, nil
}

func parseProcess(s string) (procstat.Process, error) {
	name, id, ok := strings.Cut(s, "=")
	pid, err := strconv.Atoi(id)
	if !ok || err != nil {
		return procstat.Process{}, errors.New("want name=id")
	}
	return procstat.Process{Name: name, PID: pid}, nil
}
