package routeserver

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cim-go/cim/proto/process"
	"github.com/cim-go/cim/proto/sourceip"
	"github.com/cim-go/cim/proto/tlsfile"
	"github.com/cim-go/cim/routefn/egress"
	"github.com/cim-go/cim/routefn/identity/jwt"
	"github.com/cim-go/cim/routefn/record"
)

// foreignFlags are the flags of -auth jwt. They say how tokens of another system are
// verified.
type foreignFlags struct {
	issuer   string
	audience string
	key      string // or file:PATH or secretsmanager:ARN
	keysAt   string // URL
	stale    time.Duration
	name     string // claim
	allow    []netip.Prefix
	ca       string // file
}

func (f *foreignFlags) register(fs *flag.FlagSet) {
	fs.StringVar(&f.issuer, "jwt-issuer", "", "with -auth jwt: the `system` that tokens must come from, as their claim iss has it")
	fs.StringVar(&f.audience, "jwt-audience", "", "with -auth jwt: the `name` of this cluster, which the claim aud of tokens must have")
	fs.StringVar(&f.key, "jwt-key", "",
		"with -auth jwt: `keys` of tokens (or file:PATH or secretsmanager:ARN): public keys or certificates in PEM\n(RS256, ES256, EdDSA), or secrets of at least 32 bytes, one per line (HS256)")
	fs.StringVar(&f.keysAt, "jwt-jwks", "",
		"with -auth jwt, instead of -jwt-key: the https `URL` of the keys of tokens (JWKS), fetched again every 5 minutes\nand for an unknown key")
	fs.DurationVar(&f.stale, "jwt-jwks-stale", time.Hour, "`age` up to which the last keys are used while -jwt-jwks does not answer")
	fs.StringVar(&f.name, "jwt-name", "sub", "`claim` of the token that becomes the name of a new account")
	fs.Func("egress-allow",
		"`addresses` or CIDR blocks, separated by commas, to which -jwt-jwks may lead although they are not public",
		func(text string) (err error) {
			f.allow, err = sourceip.ParseBlocks(text)
			return err
		})
	fs.StringVar(&f.ca, "egress-tls-ca", "",
		"`file` with the authorities that may have signed the certificate of -jwt-jwks; empty: those of the system")
}

// check checks the flags for a mode.
func (f *foreignFlags) check(auth string) error {
	if auth != "jwt" {
		if given := cmp.Or(f.issuer, f.audience, f.key, f.keysAt); given != "" {
			return fmt.Errorf("%w: -jwt-issuer, -jwt-audience, -jwt-key and -jwt-jwks need -auth jwt", process.ErrUsage)
		}
		return nil
	}
	switch {
	case f.issuer == "" || f.audience == "":
		return fmt.Errorf("%w: -auth jwt needs -jwt-issuer and -jwt-audience", process.ErrUsage)
	case (f.key == "") == (f.keysAt == ""):
		return fmt.Errorf("%w: -auth jwt needs -jwt-key or -jwt-jwks, and not both", process.ErrUsage)
	case f.stale <= 0:
		return fmt.Errorf("%w: -jwt-jwks-stale %v: want more than 0", process.ErrUsage, f.stale)
	case f.name == "":
		return fmt.Errorf("%w: -jwt-name is empty: want the name of a claim", process.ErrUsage)
	case f.keysAt == "":
		return nil
	}
	if err := egress.Check(f.keysAt); err != nil {
		return fmt.Errorf("%w: -jwt-jwks: %w", process.ErrUsage, err)
	}
	return nil
}

// foreign has the parts of a route that verify tokens of another system.
type foreign struct {
	verifier *jwt.Verifier
	fixed    *jwt.Fixed // nil with -jwt-jwks
	key      string     // the text with the keys in fixed
	remote   *jwt.Remote
	trust    *tlsfile.Trust // authorities of the URL of remote
}

// The method make returns the parts. The clock of the given store decides when tokens
// are valid.
func (f *foreignFlags) make(store *record.Store, log *slog.Logger, registry prometheus.Registerer) (*foreign, error) {
	p := new(foreign)
	var keys jwt.Source
	var err error
	if f.keysAt != "" {
		p.remote, p.trust, err = f.fetched(log, registry)
		keys = p.remote
	} else {
		p.fixed = jwt.NewFixed()
		_, err = p.use(f.key)
		keys = p.fixed
	}
	if err != nil {
		return nil, err
	}
	p.verifier, err = jwt.New(jwt.Config{
		Issuer: f.issuer, Audience: f.audience, Keys: keys, Name: f.name, Now: storeTimeOr(store, process.Clock()),
	})
	return p, err
}

// storeTimeOr returns the time by the store's clock. While that is unknown, it returns
// the parameter now.
func storeTimeOr(store *record.Store, now func() time.Time) func() time.Time {
	return func() time.Time {
		if ms, ok := store.Clock(); ok {
			return time.UnixMilli(ms)
		}
		return now()
	}
}

func (f *foreignFlags) fetched(log *slog.Logger, registry prometheus.Registerer) (*jwt.Remote, *tlsfile.Trust, error) {
	trust, err := tlsfile.LoadTrust(f.ca, log)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: -egress-tls-ca: %w", process.ErrUsage, err)
	}
	fetches := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "cim_route_jwks_fetches_total", Help: "Tries to fetch the keys of tokens (-jwt-jwks), by result.",
	}, []string{"result"})
	results := map[bool]prometheus.Counter{true: fetches.WithLabelValues("ok"), false: fetches.WithLabelValues("failed")}
	if err := registry.Register(fetches); err != nil {
		return nil, nil, fmt.Errorf("register metrics of keys: %w", err)
	}
	client := egress.New(egress.Config{Allow: f.allow, TLS: trust})
	return jwt.NewRemote(jwt.RemoteConfig{
		URL: f.keysAt, Fetch: client.Get, MaxStale: f.stale, Now: process.Clock(), Log: log,
		Fetched: func(ok bool) { results[ok].Inc() },
	}), trust, nil
}

// If the keys of -jwt-key have changed, the method use replaces the present keys by them.
func (p *foreign) use(value string) (changed bool, err error) {
	text, err := process.Secret("jwt-key", value)
	if err != nil || string(text) == p.key {
		return false, err
	}
	keys, err := jwt.ParseKeys(text)
	if err != nil {
		return false, fmt.Errorf("%w: -jwt-key: %w", process.ErrUsage, err)
	}
	p.fixed.Set(keys...)
	p.key = string(text)
	return true, nil
}

// The method again reads the keys of -jwt-key, or the authorities of -egress-tls-ca, once
// more. After an error the present keys and authorities stay in use.
func (p *foreign) again(value string, log *slog.Logger) error {
	if p == nil {
		return nil
	}
	if p.fixed == nil {
		if err := p.trust.Reload(); err != nil {
			return fmt.Errorf("read -egress-tls-ca: %w", err)
		}
		return nil
	}
	changed, err := p.use(value)
	if changed {
		log.Info("keys were changed", "flag", "-jwt-key")
	}
	return err
}

// warm fetches the keys of -jwt-jwks, so that a wrong URL is noticed at the start. If that
// fails, the first login tries again.
func (p *foreign) warm(ctx context.Context) {
	if p != nil && p.remote != nil {
		_ = p.remote.Warm(ctx) // logged
	}
}
