package process

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/cim-go/cim/proto/tlsfile"
)

// TLS has the flags of a program's listeners that may speak TLS: the listener for
// clients, and the internal listener for nodes, routes and operators.
type TLS struct {
	Cert, Key                 string         // files for clients
	InternalCert, InternalKey string         // files for the internal listener
	Curves                    tlsfile.Curves // for clients
	Only                      bool
	HSTS                      time.Duration

	clients, internal *tlsfile.Pair // nil without files; set by Load
}

// Flags registers the flags of TLS on fs. internal is a text that names the internal
// listener for -h.
func (t *TLS) Flags(fs *flag.FlagSet, internal string) {
	fs.StringVar(&t.Cert, "tls-cert", "", "certificate `file` for clients; it is read again when it changes")
	fs.StringVar(&t.Key, "tls-key", "", "key `file` of -tls-cert")
	fs.StringVar(&t.InternalCert, "internal-tls-cert", "", "certificate `file` of "+internal+"; it is read again when it changes")
	fs.StringVar(&t.InternalKey, "internal-tls-key", "", "key `file` of -internal-tls-cert")
	fs.Var(&t.Curves, "tls-curves", "`names` of the key exchanges for clients, separated by commas: X25519MLKEM768, X25519, P256, P384, P521.\nX25519 alone costs three quarters of a handshake, and a quantum computer could break it one day. Empty: those of Go")
	fs.BoolVar(&t.Only, "tls-only", false, "refuse connections without TLS; needs -tls-cert, and -internal-tls-cert if other machines can connect")
	fs.DurationVar(&t.HSTS, "hsts", 365*24*time.Hour, "`time` for which browsers must use TLS with this host after a first visit over TLS; 0: they need not")
}

// Check returns an error for the first mistake in the flags. It wraps ErrUsage. The
// parameter flag is the name of the flag for the internal listener, and internal is its
// address. If internal is empty, there is no such listener.
func (t *TLS) Check(flag, internal string) error {
	switch {
	case (t.Cert == "") != (t.Key == ""):
		return fmt.Errorf("%w: -tls-cert and -tls-key go together", ErrUsage)
	case (t.InternalCert == "") != (t.InternalKey == ""):
		return fmt.Errorf("%w: -internal-tls-cert and -internal-tls-key go together", ErrUsage)
	case t.HSTS < 0:
		return fmt.Errorf("%w: -hsts %v: want no negative time", ErrUsage, t.HSTS)
	case t.Only && t.Cert == "":
		return fmt.Errorf("%w: -tls-only needs -tls-cert", ErrUsage)
	case t.Only && t.InternalCert == "" && internal != "" && !Loopback(internal):
		return fmt.Errorf("%w: -tls-only, and -%s %s is plain and reachable from other machines: that needs -internal-tls-cert", ErrUsage, flag, internal)
	}
	return nil
}

// Load reads the files. An error wraps ErrUsage and names the flag.
func (t *TLS) Load(log *slog.Logger) error {
	for _, l := range []struct {
		name, cert, key string
		to              **tlsfile.Pair
	}{
		{"tls-cert", t.Cert, t.Key, &t.clients},
		{"internal-tls-cert", t.InternalCert, t.InternalKey, &t.internal},
	} {
		if l.cert == "" {
			continue
		}
		pair, err := tlsfile.Load(l.cert, l.key, log)
		if err != nil {
			return fmt.Errorf("%w: -%s: %w", ErrUsage, l.name, err)
		}
		*l.to = pair
	}
	return nil
}

// Reload reads the files again now. It is for SIGHUP. After an error the earlier
// certificates stay in use.
func (t *TLS) Reload() error {
	var errs error
	for name, pair := range map[string]*tlsfile.Pair{"tls-cert": t.clients, "internal-tls-cert": t.internal} {
		if pair == nil {
			continue
		}
		if err := pair.Reload(); err != nil {
			errs = errors.Join(errs, fmt.Errorf("read -%s: %w", name, err))
		}
	}
	return errs
}

// Clients returns the configuration for clients, or nil without a certificate.
func (t *TLS) Clients() *tls.Config {
	if t.clients == nil {
		return nil
	}
	config := t.clients.Server()
	config.CurvePreferences = t.Curves
	return config
}

// ListenClients returns a listener of HTTP over ln that speaks TLS with clients, or ln
// if there is no certificate.
func (t *TLS) ListenClients(ln net.Listener) net.Listener {
	if t.clients == nil {
		return ln
	}
	return tlsfile.Listen(ln, t.Clients(), t.Only)
}

// ListenInternal returns a listener of HTTP over ln that speaks TLS with nodes, routes
// and operators, or ln if there is no certificate for them.
func (t *TLS) ListenInternal(ln net.Listener) net.Listener {
	if t.internal == nil {
		return ln
	}
	return tlsfile.Listen(ln, t.internal.Server(), t.Only)
}

// Strict returns a handler that calls next, and adds the header Strict-Transport-Security
// (RFC 6797) to answers over TLS. It works only if Serve serves it.
func (t *TLS) Strict(next http.Handler) http.Handler {
	if t.HSTS == 0 {
		return next
	}
	value := "max-age=" + strconv.FormatInt(int64(t.HSTS.Seconds()), 10)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if conn, ok := r.Context().Value(secureKey{}).(*tlsfile.Conn); ok && conn.Secure() {
			w.Header().Set("Strict-Transport-Security", value)
		}
		next.ServeHTTP(w, r)
	})
}

// secureKey is the key of a request's connection in its context.
type secureKey struct{}

// withSecure returns the context for the requests of a connection. The context says
// whether the connection speaks TLS. It also returns the accepted connection below the
// TLS connection.
func withSecure(ctx context.Context, conn net.Conn) (context.Context, net.Conn) {
	if c, ok := conn.(*tlsfile.Conn); ok {
		return context.WithValue(ctx, secureKey{}, c), c.Raw()
	}
	return ctx, conn
}
