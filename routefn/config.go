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
	AuthOpen                 // a name alone is believed; CIM's clients need this mode
	AuthJWT                  // a token of another system, Config.Foreign, or a token
)

// Config configures a Route. Store, Members, Issuer and ServiceToken are required.
// In the other fields, zero means the default that the comment names.
type Config struct {
	Store   *record.Store
	Members func(context.Context) (*ring.View, error) // the current members; called for every login
	// Heard is called whenever a node calls, with the host:port of the node's internal
	// HTTP, from which the members can be fetched. Heard must not block. It may be nil.
	Heard  func(node string)
	Keys   *ring.Keys // seal the members that are served; nil: a cluster without a key
	Issuer *token.Issuer
	// Watch is nil if the keys of Issuer are configured. Otherwise they are kept in the
	// store, and Watch must be keyed (record.Store.Watch). Then the route stores the
	// keys again after the store has lost them, or takes over the store's keys.
	Watch *record.Watch
	Name  string // name of this process, which others log and count; default: "route"

	// ServiceToken is the token in requests from nodes, and in requests to nodes.
	ServiceToken string
	OtherTokens  []string // tokens that nodes may also use while the cluster key is being changed
	// Certs has the keys by which processes prove themselves to each other. Then tokens
	// count for nothing, unless AcceptToken is set. nil: there are none, and tokens count.
	Certs *cert.Keyring
	// AcceptToken lets a service token be enough although there are Certs, and shows one to
	// nodes, while nodes without a certificate are replaced.
	AcceptToken bool
	// Roster admits members by the same Certs. Required with Certs.
	Roster *roster.Roster

	Auth      Auth
	Foreign   *jwt.Verifier // verifies the tokens of another system; only with AuthJWT
	Policy    ring.Policy
	Repeat    string // rule for logins that name none: proto.RepeatReplace (default) or proto.RepeatReject
	CIMRepeat string // rule for CIM's clients; default: proto.RepeatReject, as CIM has it

	MaxText     int   // bytes of a message's text; default: proto.MaxText
	MaxBody     int64 // bytes of a client's request; default: as many as MaxText bytes may take in JSON, and 256 KiB at least
	PingSeconds int   // is sent to clients; default: 10

	// MaxInFlight is how many requests are served at a time; default 4096. Further
	// requests are refused. If the store takes longer than StoreTarget, requests are
	// refused earlier, see package admission. If MaxInFlight is negative, none is
	// refused. That is for platforms that bound the requests themselves, as for a
	// function.
	MaxInFlight int
	StoreTarget time.Duration // default: 100 ms, which no user notices

	// PerAddress bounds the requests from one address, without a valid token, whose
	// bodies are arriving at a time; 0: no bound. If one of Proxies names the address of
	// its client, the route believes it.
	PerAddress int
	Proxies    sourceip.Proxies
	// Limits bound wrong passwords and registrations; zero: nothing is bounded. Those of
	// record.Config bound what accounts send.
	Limits limit.Limits

	// PlainHop makes every push an HTTP request, and offers nodes no streams. It is for
	// a function, which is frozen between requests.
	PlainHop   bool
	HTTP       *http.Client   // client for calls to nodes; default: one that keeps connections, uses no proxy, and has NodeTLS
	NodeTLS    *tlsfile.Trust // for nodes whose address begins with https://; default: the system's authorities
	Now        func() time.Time
	Logger     *slog.Logger          // default: silent
	Audit      *audit.Log            // gets who came and what was refused; default: none
	Registerer prometheus.Registerer // default: no metrics are registered
}

// check fills in the defaults and reports what is missing.
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
			return http.ErrUseLastResponse // the service token must not follow a redirect to another server
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

// proofLife returns how long the proofs of sessions last; zero: they do not end. They end
// if all nodes have certificates, because such nodes renew them.
func (c *Config) proofLife() time.Duration {
	if c.Certs == nil || c.AcceptToken {
		return 0
	}
	return token.ProofLife
}
