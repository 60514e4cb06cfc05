package routefn

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/audit"
	"github.com/cim-go/cim/proto/cert"
	"github.com/cim-go/cim/proto/sourceip"
	"github.com/cim-go/cim/proto/tlsfile"
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/ring"
	"github.com/cim-go/cim/routefn/check"
	"github.com/cim-go/cim/routefn/identity/jwt"
	"github.com/cim-go/cim/routefn/limit"
	"github.com/cim-go/cim/routefn/nodes"
	"github.com/cim-go/cim/routefn/record"
	"github.com/cim-go/cim/routefn/roster"
)

// Auth says what a login must prove.
type Auth uint8

// The modes. The zero Auth is the safe one.
const (
	AuthPassword Auth = iota // name and password, or a token
	AuthOpen                 // a name alone is enough; CIM's clients need this mode
	AuthJWT                  // a token of another system, Config.Foreign, or a token
)

// Config configures a Route. Store, Members, Issuer and ServiceToken are required.
// In the other fields, zero means the default that the comment names.
type Config struct {
	Store   *record.Store
	Members func(context.Context) (*ring.View, error) // the current members; called for every login
	// Heard is called whenever a node calls, with the host:port of the node's internal
	// HTTP, from which the route can fetch the members. Heard must not block. It may be
	// nil.
	Heard  func(node string)
	Keys   *ring.Keys // encrypt the members that the route serves; nil: the cluster has no key
	Issuer *token.Issuer
	// Watch is nil if the keys of Issuer are configured. If it is set, the keys are in the
	// store, and Watch must have a key (record.Store.Watch). If the store loses the keys,
	// the route stores them again. If the store has other keys, the route uses the store's
	// keys.
	Watch *record.Watch
	Name  string // name of this process in the logs and metrics of nodes; default: "route"

	// ServiceToken is the token in requests from nodes, and in requests to nodes.
	ServiceToken string
	OtherTokens  []string // tokens that nodes may also use while the cluster key is being changed
	// Certs has the keys by which processes prove themselves to each other. If it is
	// set, service tokens are not accepted unless AcceptToken is set. nil: there are no
	// keys, and service tokens are accepted.
	Certs *cert.Keyring
	// AcceptToken makes the route accept service tokens although it has Certs. The route
	// then also sends its service token to nodes. Set it while nodes without a certificate
	// are being replaced.
	AcceptToken bool
	// Roster admits members by the same Certs. Required with Certs.
	Roster *roster.Roster

	Auth      Auth
	Foreign   *jwt.Verifier // verifies the tokens of another system; only with AuthJWT
	Policy    ring.Policy
	Repeat    string // rule for logins that name none: proto.RepeatReplace (default) or proto.RepeatReject
	CIMRepeat string // rule for CIM's clients; default: proto.RepeatReject, as in CIM

	MaxText     int   // bytes of a message's text; default: proto.MaxText
	MaxBody     int64 // bytes of a client's request; default: enough for MaxText bytes in JSON, and at least 256 KiB
	PingSeconds int   // is sent to clients; default: 10

	// MaxInFlight is how many requests are served at a time; default 4096. Further
	// requests are refused. If the store takes longer than StoreTarget, requests are
	// refused earlier (see package admission). If MaxInFlight is negative, no request is
	// refused. That is for platforms that bound requests themselves, such as those for
	// functions.
	MaxInFlight int
	StoreTarget time.Duration // default: 100 ms, which no user notices

	// PerAddress bounds how many requests of one address may be sending their bodies at a
	// time; 0: no bound. Requests with a valid token do not count. For a request from one
	// of Proxies, the client's address that the proxy names counts.
	PerAddress int
	Proxies    sourceip.Proxies
	// Limits bounds wrong passwords and registrations; zero: there is no bound. The field
	// Limits of record.Config bounds the messages of accounts.
	Limits limit.Limits

	// PlainHop makes every push an HTTP request, and offers nodes no streams. It is for
	// a function, which is frozen between requests.
	PlainHop   bool
	HTTP       *http.Client   // client for calls to nodes; default: one that keeps connections, uses no proxy, and has NodeTLS
	NodeTLS    *tlsfile.Trust // for nodes whose address begins with https://; default: the system's authorities
	Now        func() time.Time
	Logger     *slog.Logger          // default: silent
	Audit      *audit.Log            // gets logins and refusals; default: none
	Registerer prometheus.Registerer // default: no metrics are registered
}

// check fills in the defaults. It returns an error if a required field is missing.
func (c *Config) check() error {
	switch {
	case c.Store == nil:
		return errors.New("route needs a store")
	case c.Members == nil:
		return errors.New("route needs the members")
	case c.Issuer == nil:
		return errors.New("route needs an issuer of tickets")
	case c.ServiceToken == "":
		return errors.New("route needs a service token, or every caller could act as a node")
	case (c.Certs == nil) != (c.Roster == nil):
		return errors.New("route needs certificates and a roster, or neither")
	case c.StoreTarget < 0:
		return errors.New("route has a negative target for the store")
	case c.Auth > AuthJWT:
		return errors.New("route has an unknown way to authenticate")
	case (c.Auth == AuthJWT) != (c.Foreign != nil):
		return errors.New("route needs a verifier for other systems' tokens, and only with AuthJWT")
	}
	c.Repeat = cmp.Or(c.Repeat, proto.RepeatReplace)
	c.CIMRepeat = cmp.Or(c.CIMRepeat, proto.RepeatReject)
	if !check.ValidRepeat(c.Repeat) || !check.ValidRepeat(c.CIMRepeat) {
		return errors.New("repeat logins are either replaced or rejected")
	}
	c.MaxText = cmp.Or(c.MaxText, proto.MaxText)
	// JSON may take six bytes for one byte of text. The rest of a request is a few
	// names.
	c.MaxBody = cmp.Or(c.MaxBody, max(256<<10, 6*int64(c.MaxText)+4096))
	c.MaxInFlight = cmp.Or(c.MaxInFlight, 4096)
	c.StoreTarget = cmp.Or(c.StoreTarget, 100*time.Millisecond)
	c.Name = cmp.Or(c.Name, "route")
	c.PingSeconds = cmp.Or(c.PingSeconds, 10)
	if c.Keys == nil {
		c.Keys = new(ring.Keys)
	}
	if c.HTTP == nil {
		c.HTTP = &http.Client{Transport: c.NodeTLS.Transport(transport()), CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // a redirect must not carry the service token to another server
		}}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}

// transport keeps a few connections to every node: one for pushes, and others for calls
// that should not wait behind a push. Nodes are in the same network, so it uses no
// proxy.
func transport() *http.Transport {
	return &http.Transport{
		DialContext:         (&net.Dialer{Timeout: nodes.Timeout, KeepAlive: 15 * time.Second}).DialContext,
		MaxIdleConns:        0, // as many as there are nodes
		MaxIdleConnsPerHost: 4,
		IdleConnTimeout:     90 * time.Second,
		DisableCompression:  true,
	}
}

// proofLife returns how long the proofs of sessions are valid, or zero if they do not
// expire. They expire only if all nodes have certificates, because such nodes renew them.
func (c *Config) proofLife() time.Duration {
	if c.Certs == nil || c.AcceptToken {
		return 0
	}
	return token.ProofLife
}
