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
	"github.com/cim-go/cim/proto/token"
	"github.com/cim-go/cim/ring"
	"github.com/cim-go/cim/routefn/record"
)

// Auth says what a login has to show.
type Auth uint8

// The modes. The zero Auth is the safe one.
const (
	AuthPassword Auth = iota // name and password, or a token
	AuthOpen                 // a name is enough: anybody is who he says; CIM's clients need it
)

// Config is what a Route is made of. Store, Members, Issuer and ServiceToken are
// required; a zero in the rest stands for the default that its comment names.
type Config struct {
	Store   *record.Store
	Members func(context.Context) (*ring.View, error) // the current members; called for every login
	Keys    *ring.Keys                                // seals the members that are served; nil: a cluster without a key
	Issuer  *token.Issuer
	// Watch is keyed if the keys of Issuer are those that the store keeps: the route puts
	// them back when the store has lost them, or takes over those that it has. nil: the
	// keys were given to the route.
	Watch *record.Watch
	Name  string // of this process, for logs and metrics of others; "route"

	// ServiceToken is borne by what nodes ask of us and by what we ask of them.
	ServiceToken string
	OtherTokens  []string // that nodes may bear, too, while the cluster key is being changed

	Auth      Auth
	Policy    ring.Policy
	Repeat    string // of logins that do not say: proto.RepeatReplace (default) or proto.RepeatReject
	CIMRepeat string // the same for CIM's clients; default proto.RepeatReject, as CIM does

	MaxText     int   // bytes of a message's text; 16 KiB
	MaxBody     int64 // bytes of a client's request; as many as MaxText may take in JSON, and 256 KiB at least
	PingSeconds int   // told to clients; 10

	// MaxInFlight is how many requests are served at a time; beyond it, and sooner
	// where messages take the store longer than StoreTarget, one is told to come back
	// later: see package admission. 4096; below zero nothing is refused, for where a
	// platform bounds what it sends here, as it does in a function.
	MaxInFlight int
	StoreTarget time.Duration // 100 ms, which nobody notices

	// PlainHop makes every push an HTTP request and offers nodes no streams: for a
	// function of a cloud, which is frozen between requests.
	PlainHop   bool
	HTTP       *http.Client // towards nodes; one that keeps connections and uses no proxy
	Busy       func()       // told before a processor is kept for longer than a moment; must not block; nobody asks
	Now        func() time.Time
	Logger     *slog.Logger          // silent
	Registerer prometheus.Registerer // no metrics
}

// check fills the defaults in and reports what is missing.
func (c *Config) check() error {
	switch {
	case c.Store == nil:
		return errors.New("route needs a store")
	case c.Members == nil:
		return errors.New("route needs the members")
	case c.Issuer == nil:
		return errors.New("route needs an issuer of tickets")
	case c.ServiceToken == "":
		return errors.New("route needs a service token: without one anybody could act as a node")
	case c.StoreTarget < 0:
		return errors.New("route has a negative target for the store")
	case c.Auth > AuthOpen:
		return errors.New("route has an unknown way to authenticate")
	}
	c.Repeat = cmp.Or(c.Repeat, proto.RepeatReplace)
	c.CIMRepeat = cmp.Or(c.CIMRepeat, proto.RepeatReject)
	if !validRepeat(c.Repeat) || !validRepeat(c.CIMRepeat) {
		return errors.New("repeat logins are either replaced or rejected")
	}
	c.MaxText = cmp.Or(c.MaxText, 16<<10)
	// JSON may spend six bytes on one; the rest of a request is a few names.
	c.MaxBody = cmp.Or(c.MaxBody, max(256<<10, 6*int64(c.MaxText)+4096))
	c.MaxInFlight = cmp.Or(c.MaxInFlight, 4096)
	c.StoreTarget = cmp.Or(c.StoreTarget, 100*time.Millisecond)
	c.Name = cmp.Or(c.Name, "route")
	c.PingSeconds = cmp.Or(c.PingSeconds, 10)
	if c.Keys == nil {
		c.Keys = new(ring.Keys)
	}
	if c.HTTP == nil {
		c.HTTP = &http.Client{Transport: transport(), CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // the service token is for the node it was sent to
		}}
	}
	if c.Busy == nil {
		c.Busy = func() {}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}

func validRepeat(s string) bool { return s == proto.RepeatReplace || s == proto.RepeatReject }

// transport keeps a few connections to every node: one for pushes, the others
// for questions that do not wait behind one. Nodes are inside, so no proxy.
func transport() *http.Transport {
	return &http.Transport{
		DialContext:         (&net.Dialer{Timeout: nodeTimeout, KeepAlive: 15 * time.Second}).DialContext,
		MaxIdleConns:        0, // as many as there are nodes
		MaxIdleConnsPerHost: 4,
		IdleConnTimeout:     90 * time.Second,
		DisableCompression:  true,
	}
}
