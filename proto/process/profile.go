package process

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/pprof"
)

// Profile serves the profiles of package pprof about the running program, for
// operators.
type Profile struct {
	Address string // host:port that only this machine can reach; empty: no profiles
}

// Flags registers the flag of Profile on fs.
func (p *Profile) Flags(fs *flag.FlagSet) {
	fs.StringVar(&p.Address, "pprof", "", "`address` on this machine for profiles (go tool pprof http://ADDRESS/debug/pprof/profile); empty: none")
}

// Run serves until ctx ends. Without an address it does nothing. It returns an error if
// other machines can reach the address, because profiles have internal data and cost CPU.
func (p *Profile) Run(ctx context.Context, log *slog.Logger) error {
	if p.Address == "" {
		return nil
	}
	if !Loopback(p.Address) {
		return fmt.Errorf("%w: -pprof %s is reachable from other machines", ErrUsage, p.Address)
	}
	listener, err := Listen("pprof", p.Address, false)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	log.Info("profiles are served", "http", listener.Addr().String())
	return Serve(ctx, listener, mux)
}
