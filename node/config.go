package node

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cim-go/cim/node/link"
	"github.com/cim-go/cim/node/routes"
	"github.com/cim-go/cim/proto/audit"
	"github.com/cim-go/cim/proto/browser"
	"github.com/cim-go/cim/proto/cert"
	"github.com/cim-go/cim/proto/sourceip"
	"github.com/cim-go/cim/proto/token"
)

// Config of a Node. A field is required unless its comment gives its zero value a
// meaning.
type Config struct {
	ID      string // the member's id, which tickets name
	Boot    uint64 // random, made at every start; pushes name it
	Address string // host:port of the internal port as routes reach it; empty: that of Internal

	Clients  net.Listener // TCP and WebSocket; Run closes it
	Internal net.Listener // HTTP for routes and operators; Run closes it
	// InternalPages judges requests at Internal by their Host and Origin headers; nil: it
	// accepts all.
	InternalPages *browser.Guard

	Sessions routes.Sessions // the routes; see routes.Client
	Messages routes.Messages // the routes, most often the same value

	Verifier     *token.Verifier // verifies tickets
	ServiceToken string          // requests of routes carry it; required unless CIM.Open is set
	OtherTokens  []string        // requests may carry these, too, while the cluster key is being changed
	Gate         *cert.Gate      // judges the requests of routes and operators; nil: the tokens alone decide

	Port     Port
	Limits   Limits
	Timeouts Timeouts
	Drain    Drain
	CIM      CIM

	// The node calls Load with the number of eighths of Limits.Capacity that are in use.
	// It does so when the number changes, at most once per second. Load must not block.
	// nil: nothing is called.
	Load func(eighths int)
	// Ready returns why the program should get no work yet, or nil. If Ready is nil,
	// the program is always ready.
	Ready    func() error
	Members  http.Handler // served at proto.PathRing; nil: 404
	Metrics  http.Handler // served at proto.PathMetrics; nil: 404
	Profiles http.Handler // served at proto.PathProfiles and below it; nil: 404

	Logger     *slog.Logger          // nil: silent
	Audit      *audit.Log            // says who connects and who is refused; nil: there is none
	Registerer prometheus.Registerer // nil: no metrics
	Now        func() time.Time      // returns the time that clients get and with which the routes' clocks are compared; nil: time.Now
}

// Port sets how the port for clients behaves.
type Port struct {
	Engine  link.Engine    // 0: link.EngineAuto
	TLS     *tls.Config    // nil: plain only
	TLSOnly bool           // refuse connections without TLS; needs TLS
	Pages   *browser.Guard // see link.Config

	PerAddress int              // how many connections without a valid ticket one address may have; see link.Config
	Proxies    sourceip.Proxies // see link.Config
}

// Limits bound what a node holds.
type Limits struct {
	Capacity     int // how many logged-in connections the node holds; a further login is refused as proto.Full; 0: no limit
	MaxFrame     int // bytes; 0: proto.MaxFrame
	OutboxBytes  int // per connection; 0: 256 KiB
	BacklogBytes int // of all messages that wait for a route; 0: 64 MiB
}

// Timeouts say how long a node waits for something, and how often it does something.
type Timeouts struct {
	PingEvery time.Duration // how often clients ping, in whole seconds; 0: 10 s. A client that is silent for 3.3 times that is closed
	Open      time.Duration // for a route's confirmation of a connection; 0: 10 s
	Send      time.Duration // after this time, the sender of a message that no route has stored gets Unknown; 0: 10 s
	Call      time.Duration // for one request to a route; 0: 3 s
	Reconcile time.Duration // how long it takes to reconcile everything once; 0: 30 s
	Stop      time.Duration // from the end of Run's context until Run returns; 0: 10 s
}

// Drain sets how a node leaves.
type Drain struct {
	Rate    int           // how many clients are sent away per second; 0: 500
	Timeout time.Duration // how long a drain may take, without the time in which no route answers; 0: 300 s
	// Elsewhere reports whether another member takes users or soon will. If none does,
	// or if Elsewhere is nil, a drain closes the connections at once.
	Elsewhere func() bool
}

// CIM sets how a node serves CIM's clients and routes.
type CIM struct {
	Open bool // accept CIM's clients without tickets, and pushes by CIM's own routes
	// Pushers has the addresses of CIM's own routes, which may push without a token.
	// Other addresses need a token. nil: every address may push without one.
	Pushers *sourceip.Proxies
	// Offline reports to CIM's own routes that a user's CIM connection ended, and
	// blocks until one has answered or ctx ends (cim.Routes). It is nil if there are no
	// such routes. After an error the call is repeated, unless the user is back.
	Offline func(ctx context.Context, user int64, name string) error
}

func (c Config) withDefaults() Config {
	durations := []struct {
		value *time.Duration
		def   time.Duration
	}{
		{&c.Timeouts.PingEvery, 10 * time.Second},
		{&c.Timeouts.Open, 10 * time.Second},
		{&c.Timeouts.Send, 10 * time.Second},
		{&c.Timeouts.Call, 3 * time.Second},
		{&c.Timeouts.Reconcile, 30 * time.Second},
		{&c.Timeouts.Stop, 10 * time.Second},
		{&c.Drain.Timeout, 300 * time.Second},
	}
	for _, d := range durations {
		if *d.value == 0 {
			*d.value = d.def
		}
	}
	if c.Limits.BacklogBytes == 0 {
		c.Limits.BacklogBytes = 64 << 20
	}
	if c.Drain.Rate == 0 {
		c.Drain.Rate = 500
	}
	if c.Address == "" && c.Internal != nil {
		c.Address = c.Internal.Addr().String()
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

func (c *Config) check() error {
	switch {
	case c.ID == "":
		return errors.New("node: the id is missing")
	case c.Clients == nil || c.Internal == nil:
		return errors.New("node: a listener is missing")
	case c.Sessions == nil || c.Messages == nil:
		return errors.New("node: the routes are missing")
	case c.Verifier == nil:
		return errors.New("node: the verifier of tickets is missing")
	case c.ServiceToken == "" && !c.CIM.Open:
		return errors.New("node: the service token is missing")
	case c.Limits.BacklogBytes < 0:
		return fmt.Errorf("node: backlog of %d bytes, want 0 or more", c.Limits.BacklogBytes)
	case c.Limits.Capacity < 0:
		return fmt.Errorf("node: capacity %d, want 0 or more", c.Limits.Capacity)
	case c.Drain.Rate < 0 || c.Drain.Timeout < 0:
		return fmt.Errorf("node: drain rate %d, drain timeout %v, want 0 or more", c.Drain.Rate, c.Drain.Timeout)
	case c.Timeouts.PingEvery < time.Second || c.Timeouts.PingEvery%time.Second != 0:
		return fmt.Errorf("node: ping interval %v, want whole seconds", c.Timeouts.PingEvery)
	}
	return nil
}

func (c *Config) link(accept func(*link.Link) link.Handler) link.Config {
	lc := link.Config{
		Accept:      accept,
		Engine:      c.Port.Engine,
		MaxFrame:    c.Limits.MaxFrame,
		OutboxBytes: c.Limits.OutboxBytes,
		SilentAfter: c.Timeouts.PingEvery * 33 / 10,
		TLS:         c.Port.TLS,
		TLSOnly:     c.Port.TLSOnly,
		Pages:       c.Port.Pages,
		PerAddress:  c.Port.PerAddress,
		Proxies:     c.Port.Proxies,
		Logger:      c.Logger,
		Registerer:  c.Registerer,
	}
	if c.Limits.Capacity > 0 {
		// This leaves room for connections that are refused as Full or have not logged
		// in yet.
		lc.LoginSlots = c.Limits.Capacity/8 + 1024
		lc.MaxLinks = c.Limits.Capacity + lc.LoginSlots
	}
	return lc
}
