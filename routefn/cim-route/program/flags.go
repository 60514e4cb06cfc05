package program

import (
	"flag"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/ring"
	"github.com/cim-go/cim/ring/mirror"
	"github.com/cim-go/cim/routefn"
	"github.com/cim-go/cim/routefn/cim-route/config"
)

// Flags are what cim-route is told. cim-server -with-route shares them.
type Flags struct {
	Redis   string
	Pass    string
	Ack     string
	Ring    string
	Key     string
	Auth    string
	Repeat  string
	Policy  string
	Text    int
	Count   int
	Days    int
	Devices int

	InFlight    int
	StoreTarget time.Duration

	PlainHop bool
	Embedded bool
	FailFast bool

	// Only names the handlers that are served; nil: all, with the page for browsers
	// and the metrics. It is no flag of Register.
	Only []string
	// Busy is routefn.Config's. It is no flag either.
	Busy func()

	name     string // of the process, for people
	function bool   // frozen between requests: see adapt
	oneByOne bool   // and of those, one that has one request at a time
}

// Register registers the flags on fs.
func (f *Flags) Register(fs *flag.FlagSet) {
	fs.StringVar(&f.Redis, "redis", "redis://127.0.0.1:6379",
		"`URL` of the store: redis://, rediss://, redis+sentinel://h1,h2/master, redis+cluster://h1,h2,\nor embedded: in this process, nothing survives it")
	fs.StringVar(&f.Pass, "redis-password", "",
		"`secret` of the store (or file:PATH or secretsmanager:ARN), in place of one in its URL")
	fs.StringVar(&f.Ack, "ack", "primary",
		"`level` at which a message is accepted: primary, once the store has it; replica, or replica=N,\nonce one or N of its replicas have it too")
	fs.StringVar(&f.Key, "route-key", "",
		"`secret` of all routes (or file:PATH or secretsmanager:ARN), for tickets and tokens; while it is\nchanged the old and the new one, one a line; empty: made at the first start and kept in the store")
	fs.StringVar(&f.Auth, "auth", "password",
		"`mode` of accounts: password, or open (as CIM has it: whoever says a name is it)")
	fs.StringVar(&f.Repeat, "repeat", proto.RepeatReplace,
		"what a login does to the device's live connection: replace or reject")
	fs.StringVar(&f.Policy, "policy", ring.HashLoop.String(),
		"how users land on nodes: hash+loop, hash, loop or random")
	fs.BoolVar(&f.PlainHop, "plain-hop", false, "make every call between nodes and routes an HTTP request, not one on a stream")
	fs.BoolVar(&f.FailFast, "fail-fast", false, "end with an error when the store, or whoever is asked for the members, does not answer at the start;\notherwise wait, and be not ready")
	fs.BoolVar(&f.Embedded, "allow-embedded", false, "accept a store that does not tell its eviction policy, as the embedded one of another process")
	fs.IntVar(&f.Text, "max-text", 16<<10, "longest text of a message in `bytes`")
	fs.IntVar(&f.InFlight, "max-in-flight", 4096,
		"`requests` served at a time, beyond which one is told to come back later;\n-1: any number, where a platform bounds them")
	fs.DurationVar(&f.StoreTarget, "store-target", 100*time.Millisecond,
		"what the store may take for a message before fewer are let in")
	fs.IntVar(&f.Count, "keep-count", 10_000, "`messages` a log keeps at most")
	fs.IntVar(&f.Devices, "devices", 32, "`devices` a user has at most: beyond that the one that was offline longest is forgotten")
	fs.IntVar(&f.Days, "keep-days", 14, "`days` a log keeps a message at most, and a fourteenth of that until it is swept")
}

func (f *Flags) auth() (routefn.Auth, error) {
	switch f.Auth {
	case "password":
		return routefn.AuthPassword, nil
	case "open":
		return routefn.AuthOpen, nil
	}
	return 0, fmt.Errorf("%w: -auth %q: want password or open", config.ErrUsage, f.Auth)
}

// replicas returns how many replicas -ack asks for.
func (f *Flags) replicas() (int, error) {
	switch f.Ack {
	case "primary":
		return 0, nil
	case "replica":
		return 1, nil
	}
	number, ok := strings.CutPrefix(f.Ack, "replica=")
	if n, err := strconv.Atoi(number); ok && err == nil && n > 0 {
		return n, nil
	}
	return 0, fmt.Errorf("%w: -ack %q: want primary, replica or replica=N", config.ErrUsage, f.Ack)
}

func (f *Flags) check() error {
	if _, err := f.auth(); err != nil {
		return err
	}
	replicas, err := f.replicas()
	if err != nil {
		return err
	}
	if replicas > 0 && f.Redis == "embedded" {
		return fmt.Errorf("%w: -ack %s needs a store with replicas, which -redis embedded has not", config.ErrUsage, f.Ack)
	}
	if f.Repeat != proto.RepeatReplace && f.Repeat != proto.RepeatReject {
		return fmt.Errorf("%w: -repeat %q: want replace or reject", config.ErrUsage, f.Repeat)
	}
	if _, err := ring.ParsePolicy(f.Policy); err != nil {
		return fmt.Errorf("%w: -policy: %w", config.ErrUsage, err)
	}
	if f.InFlight == 0 || f.StoreTarget <= 0 {
		return fmt.Errorf("%w: -max-in-flight %d -store-target %v: want neither to be zero", config.ErrUsage, f.InFlight, f.StoreTarget)
	}
	for name, value := range map[string]int{"max-text": f.Text, "keep-count": f.Count, "keep-days": f.Days, "devices": f.Devices} {
		if value < 1 {
			return fmt.Errorf("%w: -%s %d: want at least 1", config.ErrUsage, name, value)
		}
	}
	return nil
}

// source is where the members come from.
type source struct {
	kind  string   // "seed" or "zk"
	addrs []string // host:port
}

func parseSource(value string) (source, error) {
	kind, rest, _ := strings.Cut(value, ":")
	if (kind != "seed" && kind != "zk") || rest == "" {
		return source{}, fmt.Errorf("%w: -ring %q: want seed:HOST:PORT[,...] or zk:HOST:PORT[,...]", config.ErrUsage, value)
	}
	addrs := strings.Split(rest, ",")
	if kind == "zk" {
		var err error
		if addrs, err = mirror.ParseServers(rest); err != nil {
			return source{}, fmt.Errorf("%w: -ring %q: %w", config.ErrUsage, value, err)
		}
		return source{kind: kind, addrs: addrs}, nil
	}
	for i, addr := range addrs {
		addrs[i] = strings.TrimSpace(addr)
	}
	return source{kind: kind, addrs: addrs}, nil
}
