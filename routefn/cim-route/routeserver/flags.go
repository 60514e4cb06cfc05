package routeserver

import (
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/audit"
	"github.com/cim-go/cim/proto/cert"
	"github.com/cim-go/cim/proto/process"
	"github.com/cim-go/cim/proto/tlsfile"
	"github.com/cim-go/cim/ring"
	"github.com/cim-go/cim/ring/mirror"
	"github.com/cim-go/cim/routefn"
	"github.com/cim-go/cim/routefn/limit"
	"github.com/cim-go/cim/routefn/record/dedup"
	"github.com/cim-go/cim/routefn/role"
	"github.com/cim-go/cim/routefn/roster"
)

// Flags are the flags of cim-route, which cim-server -with-route shares.
type Flags struct {
	Redis string
	Pass  string
	Ack   string
	Ring  string
	Key   string
	Auth  string

	OpenToNetwork bool // allows -auth open even if other machines can connect

	Repeat  string
	Policy  string
	Text    int
	Count   int
	Days    int
	Devices int
	Limits  string

	KeepIDs      time.Duration // zero: the store's default
	KeepIDsCount int           // zero: the store's default

	Everyone string // role; empty: depends on Auth

	InFlight    int
	StoreTarget time.Duration

	Guard    process.Guard
	TLS      process.TLS // the program registers its flags and loads its files
	Internal string      // address of the internal listener; Same or empty: there is none
	NodeCA   string      // file with the certificate authorities for calls to nodes
	Pages    process.Pages
	Audit    process.Audit // the program opens and closes it
	Certs    process.Certs // the program registers its flags

	foreign foreignFlags

	PlainHop bool
	Embedded bool
	FailFast bool

	// Only is the list of the handlers to serve, by name. If it is nil, all handlers are
	// served, and also the page for browsers and the metrics. Register has no flag for it.
	Only []string

	// AuditLog is the log that the program opened from Audit. It is nil if there is none.
	// Register has no flag for it.
	AuditLog *audit.Log

	// Profiles is served at the internal listener. If it is nil, no profiles are served
	// there. Register has no flag for it.
	Profiles http.Handler

	certs  *cert.Keyring  // of Certs; nil: there are none
	roster *roster.Roster // nil without certs

	strangers int            // how many requests of one address may be sending their bodies; 0: no bound
	local     bool           // only this machine can connect
	name      string         // name of the process, for people to read
	trust     *tlsfile.Trust // of NodeCA; set by nodeTrust
	function  bool           // the route is frozen between requests: see adapt
	oneByOne  bool           // the function gets one request at a time
}

// Register registers the flags on fs.
func (f *Flags) Register(fs *flag.FlagSet) {
	f.RegisterStore(fs)
	fs.StringVar(&f.Key, "route-key", "",
		"`secret` that all routes share for tickets and tokens (or file:PATH or secretsmanager:ARN). While you change it,\ngive the old and the new one, one per line. Empty: it is made at the first start and kept in the store")
	fs.StringVar(&f.Auth, "auth", "password",
		"`mode` of accounts: password, open (as in CIM: a name is enough to log in),\nor jwt (by tokens of the system that knows the users, see -jwt-issuer)")
	fs.BoolVar(&f.OpenToNetwork, "open-to-network", false, "with -auth open: let other machines connect; anybody there can then be any user")
	f.foreign.register(fs)
	fs.StringVar(&f.Repeat, "repeat", proto.RepeatReplace,
		"`action` if the device of a login is connected already: replace that connection, or reject the login")
	fs.StringVar(&f.Policy, "policy", ring.HashLoop.String(),
		"`name` of the policy that chooses a node for each login: hash+loop, hash, loop or random")
	fs.BoolVar(&f.PlainHop, "plain-hop", false, "make each call between nodes and routes by an HTTP request of its own, not on a shared stream")
	fs.BoolVar(&f.FailFast, "fail-fast", false, "exit with an error if the store or the source of members does not answer at the start.\nWithout it the program waits for them and is not ready")
	fs.IntVar(&f.InFlight, "max-in-flight", 4096,
		"most `requests` that are served at a time; more are refused with a time to retry.\n-1: no limit, if a platform has one")
	fs.DurationVar(&f.StoreTarget, "store-target", 100*time.Millisecond,
		"`time` that the store may take for one message; if it takes longer, fewer requests are admitted")
	f.Guard.Flags(fs)
	fs.StringVar(&f.Internal, "internal-listen", "",
		"`address` for nodes and operators: calls of nodes, members and metrics. They are then not served at the address for\nclients. same: they are served there, too. Needed if other machines can reach the address for clients")
	fs.StringVar(&f.NodeCA, "node-tls-ca", "",
		"`file` with the authorities that may have signed the certificates of nodes; empty: those of the system")
	f.Pages.Flags(fs)
	f.Audit.Flags(fs)
	fs.StringVar(&f.Limits, "limits", "",
		"what one account and one address may cost others: off, default, a `file` of limits, or text: and what\nsuch a file has (see routefn/LIMITS.md). Empty: default, or off with -auth open if only this machine can connect")
	fs.StringVar(&f.Everyone, "everyone", "",
		"least `role` that may write to everyone and list who is online: user, moderator or operator (see routefn/ROLES.md);\nempty: moderator, or user with -auth open")
	fs.DurationVar(&f.KeepIDs, "keep-ids", 24*time.Hour, "`time` for which a repeated message is recognised by its id. All routes must have the same value")
	fs.IntVar(&f.KeepIDsCount, "keep-ids-count", 100_000, "most `ids` of an account that are remembered for -keep-ids; of an account that sends more, the latest ones")
	fs.IntVar(&f.Devices, "devices", 32, "most `devices` of a user; one more makes the store forget the device that was offline longest")
}

// LoadCerts reads the identity of Certs, if there is one. It must be called before
// Assemble.
func (f *Flags) LoadCerts() error {
	now := process.Clock()
	keys, err := f.Certs.Load(cert.Route, now)
	if err != nil || keys == nil {
		return err
	}
	f.certs, f.roster = keys, roster.New(roster.Config{Keys: keys, Unsigned: f.Certs.AcceptToken, Now: now})
	return nil
}

// RegisterStore registers only the flags that name the store and set its retention. It is
// for programs that do not serve handlers.
func (f *Flags) RegisterStore(fs *flag.FlagSet) {
	fs.StringVar(&f.Redis, "redis", "redis://127.0.0.1:6379",
		"`URL` of the store: redis://, rediss://, redis+sentinel://h1,h2/master, redis+cluster://h1,h2,\nor embedded: in this process, and lost with it. rediss takes ?ca=FILE&cert=FILE&key=FILE&server_name=NAME")
	fs.StringVar(&f.Pass, "redis-password", "",
		"`password` of the store (or file:PATH or secretsmanager:ARN), in place of the one in its URL")
	fs.StringVar(&f.Ack, "ack", "primary",
		"`who` must have a message before it is accepted: primary (the store alone), replica or replica=N\n(the store, and one or N of its replicas)")
	fs.BoolVar(&f.Embedded, "allow-embedded", false, "accept a store that does not report its eviction policy, such as the embedded store of another process")
	fs.IntVar(&f.Text, "max-text", proto.MaxText,
		"most `bytes` (UTF-8) of a message's text. A node takes frames of 135166 bytes at most.\nA log keeps -keep-count messages, however long their texts are")
	fs.IntVar(&f.Count, "keep-count", 10_000, "most `messages` that a log keeps; the oldest are removed. With -limits, an inbox refuses more instead,\nuntil a device of its user has fetched them")
	fs.IntVar(&f.Days, "keep-days", 14, "`days` after which a message is removed from its log; it may take a fourteenth longer")
}

func (f *Flags) auth() (routefn.Auth, error) {
	switch f.Auth {
	case "password":
		return routefn.AuthPassword, nil
	case "open":
		return routefn.AuthOpen, nil
	case "jwt":
		return routefn.AuthJWT, nil
	}
	return 0, fmt.Errorf("%w: -auth %q: want password, open or jwt", process.ErrUsage, f.Auth)
}

// replicas returns how many replicas -ack requires.
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
	return 0, fmt.Errorf("%w: -ack %q: want primary, replica or replica=N", process.ErrUsage, f.Ack)
}

// The method limits returns the limits that the flag -limits sets. Without the flag, a
// function in open mode does not bound registrations. The reason is that all callers of a
// function have addresses of the platform.
func (f *Flags) limits() (limit.Limits, error) {
	open, l := f.Auth == "open", limit.Default()
	switch {
	case f.Limits == "off" || f.Limits == "" && open && f.local:
		return limit.Limits{}, nil
	case f.Limits == "" && open && f.function:
		l.Registrations = limit.Rate{}
		return l, nil
	case f.Limits == "default" || f.Limits == "":
		return l, nil
	}
	var err error
	if text, ok := strings.CutPrefix(f.Limits, "text:"); ok {
		l, err = limit.Parse(text)
	} else {
		l, err = limit.Read(f.Limits)
	}
	if err != nil {
		return l, fmt.Errorf("%w: -limits: %w", process.ErrUsage, err)
	}
	return l, nil
}

// rules returns the rules about roles that the flags set.
func (f *Flags) rules() (role.Rules, error) {
	r := role.Safe()
	if f.Auth == "open" {
		r = role.Rules{}
	}
	if f.Everyone != "" {
		least, ok := role.ParseSystem(f.Everyone)
		if !ok {
			return r, fmt.Errorf("%w: -everyone %q: want user, moderator or operator", process.ErrUsage, f.Everyone)
		}
		r.Everyone = least
	}
	return r, nil
}

func (f *Flags) check() error {
	if _, err := f.rules(); err != nil {
		return err
	}
	if _, err := f.limits(); err != nil {
		return err
	}
	if _, err := f.auth(); err != nil {
		return err
	}
	if err := f.foreign.check(f.Auth); err != nil {
		return err
	}
	replicas, err := f.replicas()
	if err != nil {
		return err
	}
	if replicas > 0 && f.Redis == "embedded" {
		return fmt.Errorf("%w: -ack %s needs a store with replicas, which -redis embedded does not have", process.ErrUsage, f.Ack)
	}
	if f.Repeat != proto.RepeatReplace && f.Repeat != proto.RepeatReject {
		return fmt.Errorf("%w: -repeat %q: want replace or reject", process.ErrUsage, f.Repeat)
	}
	if _, err := ring.ParsePolicy(f.Policy); err != nil {
		return fmt.Errorf("%w: -policy: %w", process.ErrUsage, err)
	}
	if f.InFlight == 0 || f.StoreTarget <= 0 {
		return fmt.Errorf("%w: -max-in-flight %d -store-target %v: want neither to be zero", process.ErrUsage, f.InFlight, f.StoreTarget)
	}
	if f.Devices < 1 {
		return fmt.Errorf("%w: -devices %d: want at least 1", process.ErrUsage, f.Devices)
	}
	if _, err := f.Pages.FunctionGuard(nil, nil); err != nil {
		return err
	}
	return f.checkKept()
}

// Same is the value of -internal-listen that makes a single listener serve both clients
// and nodes, even if other machines can reach it.
const Same = "same"

// CheckListen checks the addresses for clients (the parameter listen) and for nodes (the
// field Internal). The parameter keyed tells whether there is a cluster key. The parameter
// name is the flag that sets the address for clients, and appears in errors. Errors wrap
// process.ErrUsage.
func (f *Flags) CheckListen(name, listen string, keyed bool) error {
	internal := f.Internal
	if err := f.CheckOpen(name, listen); err != nil {
		return err
	}
	switch {
	case !keyed && !process.Loopback(listen):
		return fmt.Errorf("%w: -%s %s is reachable from other machines: that needs -cluster-key", process.ErrUsage, name, listen)
	case internal == "" && !process.Loopback(listen):
		return fmt.Errorf("%w: -%s %s is reachable from other machines, and so are the calls of nodes, the members and the metrics there: "+
			"add -internal-listen HOST:PORT to have these at another address, or -internal-listen same if it is meant", process.ErrUsage, name, listen)
	case internal == "" || internal == Same:
		return nil
	}
	if _, _, err := net.SplitHostPort(internal); err != nil {
		return fmt.Errorf("%w: -internal-listen %q: want host:port or same", process.ErrUsage, internal)
	}
	if !keyed && !process.Loopback(internal) {
		return fmt.Errorf("%w: -internal-listen %s is reachable from other machines: that needs -cluster-key", process.ErrUsage, internal)
	}
	return nil
}

// CheckOpen returns an error for open mode if other machines can reach the route.
// OpenToNetwork allows that. The parameter listen is the address for clients, and name is
// the flag that sets it. The error wraps process.ErrUsage.
func (f *Flags) CheckOpen(name, listen string) error {
	if f.Auth != "open" || f.OpenToNetwork || process.Loopback(listen) {
		return nil
	}
	return fmt.Errorf("%w: -%s %s is reachable from other machines, and with -auth open anybody there can be any user: "+
		"add -open-to-network if it is meant", process.ErrUsage, name, listen)
}

// TellOpen logs a warning about what open mode allows to clients at the address. In other
// modes it does nothing.
func (f *Flags) TellOpen(log *slog.Logger, listen string) {
	switch {
	case f.Auth != "open":
	case process.Loopback(listen):
		log.Info("open mode: a name is enough to be its user; only this machine can connect", "listen", listen)
	default:
		log.Warn("open mode: anybody who can connect can be any user, by a name alone", "listen", listen)
	}
}

// InternalAt returns the address of the internal listener, or an empty text if there is no
// such listener.
func (f *Flags) InternalAt() string {
	if f.Internal == Same {
		return ""
	}
	return f.Internal
}

func (f *Flags) checkKept() error {
	for name, value := range map[string]int{"max-text": f.Text, "keep-count": f.Count, "keep-days": f.Days} {
		if value < 1 {
			return fmt.Errorf("%w: -%s %d: want at least 1", process.ErrUsage, name, value)
		}
	}
	if err := f.ids().Check(); err != nil {
		return fmt.Errorf("%w: -keep-ids, -keep-ids-count: %w", process.ErrUsage, err)
	}
	return nil
}

func (f *Flags) ids() dedup.Config { return dedup.Config{Keep: f.KeepIDs, Most: f.KeepIDsCount} }

// source is the value of the flag -ring. It says where the list of members comes from.
type source struct {
	kind  string   // "seed" or "zk"
	addrs []string // host:port
}

func parseSource(value string) (source, error) {
	kind, rest, _ := strings.Cut(value, ":")
	if (kind != "seed" && kind != "zk") || rest == "" {
		return source{}, fmt.Errorf("%w: -ring %q: want seed:HOST:PORT[,...] or zk:HOST:PORT[,...]", process.ErrUsage, value)
	}
	addrs := strings.Split(rest, ",")
	if kind == "zk" {
		var err error
		if addrs, err = mirror.ParseServers(rest); err != nil {
			return source{}, fmt.Errorf("%w: -ring %q: %w", process.ErrUsage, value, err)
		}
		return source{kind: kind, addrs: addrs}, nil
	}
	for i, addr := range addrs {
		addrs[i] = strings.TrimSpace(addr)
	}
	return source{kind: kind, addrs: addrs}, nil
}
