package process

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/cim-go/cim/proto"
)

// The values of -pprof that are not addresses.
const (
	profilesInternal = "internal"
	profilesOff      = "off"
)

// Profile serves the profiles of package pprof about the running program, for operators.
// It never serves them on a listener for clients, because they contain internal data and
// cost CPU.
type Profile struct {
	At string // internal, off, or a host:port that only this machine can reach; empty: internal if there is a cluster key, otherwise off
}

// Flags registers the flag of Profile on fs. internal is a text that names the internal
// listener for -h.
func (p *Profile) Flags(fs *flag.FlagSet, internal string) {
	fs.StringVar(&p.At, "pprof", "", "`where` to serve profiles (go tool pprof http://ADDRESS/debug/pprof/profile): internal, which is "+internal+",\n"+
		"an address on this machine, or off. Empty: internal if there is such a listener and a cluster key, else off")
}

// Internal returns the handler of profiles for the internal listener, or nil if they are
// not served there. The parameter flag names the flag of that listener. The parameter
// apart says whether the listener exists and is not the one for clients. The parameter
// keyed says whether there is a cluster key. An error wraps ErrUsage.
func (p *Profile) Internal(flag string, apart, keyed bool) (http.Handler, error) {
	switch {
	case p.At == profilesInternal && !apart:
		return nil, fmt.Errorf("%w: -pprof internal needs -%s, because clients get no profiles", ErrUsage, flag)
	case p.At == profilesInternal, p.At == "" && apart && keyed:
		return profiles(), nil
	}
	return nil, nil
}

// profiles returns the handler of all profiles. A profile may take longer than the
// server's limit for reading a request. The handler must not be at a path other than
// proto.PathProfiles.
func profiles() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+proto.PathProfiles, pprof.Index)
	mux.HandleFunc("GET "+proto.PathProfiles+"profile", pprof.Profile)
	mux.HandleFunc("GET "+proto.PathProfiles+"trace", pprof.Trace)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The read deadline is removed, because net/http cancels a request when that
		// passes, even after the request was read.
		if err := http.NewResponseController(w).SetReadDeadline(time.Time{}); err != nil {
			http.Error(w, "connection has no deadline that could be lifted", http.StatusInternalServerError)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// Run serves profiles at an address of their own until ctx ends. Without such an address
// it does nothing. It returns an error if other machines can reach the address.
func (p *Profile) Run(ctx context.Context, log *slog.Logger) error {
	if p.At == "" || p.At == profilesInternal || p.At == profilesOff {
		return nil
	}
	if !Loopback(p.At) {
		return fmt.Errorf("%w: -pprof %s is reachable from other machines: want internal, off or an address on this machine", ErrUsage, p.At)
	}
	listener, err := Listen("pprof", p.At, false)
	if err != nil {
		return err
	}
	log.Info("profiles are served", "http", listener.Addr().String())
	return Serve(ctx, listener, profiles())
}
