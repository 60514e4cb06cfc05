package node

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cim-go/cim/node/link"
	"github.com/cim-go/cim/proto/token"
)

// Config of a Node. Zero values stand for the defaults named; what has none is
// required.
type Config struct {
	ID      string // the member's id; tickets name it
	Boot    uint64 // random, made at this start; pushes name it
	Address string // host:port of the internal HTTP as routes reach it; empty: Internal's own

	Clients  net.Listener // TCP and WebSocket; Run closes it
	Internal net.Listener // HTTP for routes and operators; Run closes it

	Route        Route           // see Uplink
	Verifier     *token.Verifier // of tickets
	ServiceToken string          // what routes show to push; not empty unless Open
	OtherTokens  []string        // that routes may show, too, while the cluster key is being changed
	Open         bool            // CIM connections and CIM's push come in, without tickets

	// Capacity is how many connections may log in; 0: no limit. Above it a login
	// is answered with proto.Full.
	Capacity int
	// Load is told how many eighths of Capacity are used, when that changes, at
	// most once a second; nil: nobody asks. It must not block.
	Load func(eighths int)

	// Busy is link.Config's; nil: nobody asks.
	Busy func()

	// Elsewhere reports whether another member takes users or soon will; nil: none
	// ever does. Where it says no, a drain closes the connections at once.
	Elsewhere func() bool

	Members http.Handler // served at proto.PathRing; nil: 404
	Metrics http.Handler // served at proto.PathMetrics; nil: 404
	// Ready returns why the program should get no work yet; nil: nothing keeps it.
	Ready func() error

	Engine  link.Engine // of the client port; 0: link.EngineAuto
	TLS     *tls.Config // of the client port; nil: plain only
	Origins []string    // see link.Config

	MaxFrame       int           // bytes; 0: proto.MaxFrame
	OutboxBytes    int           // per connection; 0: 256 KiB
	BacklogBytes   int           // of messages that wait for a route, all connections together; 0: 64 MiB
	PingEvery      time.Duration // what clients are told, whole seconds; 0: 10 s. Silence is 3.3 times that
	OpenTimeout    time.Duration // for a route to confirm a connection; 0: 10 s
	SendTimeout    time.Duration // for a route to answer a message before its sender is told Unknown; 0: 10 s
	CallTimeout    time.Duration // of one request to a route; 0: 3 s
	ReconcileEvery time.Duration // to go through everything once; 0: 30 s
	StopTimeout    time.Duration // from the end of Run's context; 0: 10 s

	DrainRate    int           // clients that are sent away a second; 0: 500
	DrainTimeout time.Duration // of a drain, not counting while no route answers; 0: 300 s

	Logger     *slog.Logger          // nil: silent
	Registerer prometheus.Registerer // nil: no metrics
	Now        func() time.Time      // what clients are told and what is compared with the routes' clocks; nil: time.Now
}

func (c Config) withDefaults() Config {
	durations := []struct {
		value *time.Duration
		def   time.Duration
	}{
		{&c.PingEvery, 10 * time.Second},
		{&c.OpenTimeout, 10 * time.Second},
		{&c.SendTimeout, 10 * time.Second},
		{&c.CallTimeout, 3 * time.Second},
		{&c.ReconcileEvery, 30 * time.Second},
		{&c.StopTimeout, 10 * time.Second},
		{&c.DrainTimeout, 300 * time.Second},
	}
	for _, d := range durations {
		if *d.value == 0 {
			*d.value = d.def
		}
	}
	if c.BacklogBytes == 0 {
		c.BacklogBytes = 64 << 20
	}
	if c.DrainRate == 0 {
		c.DrainRate = 500
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
		return errors.New("node: no id")
	case c.Clients == nil || c.Internal == nil:
		return errors.New("node: a listener is missing")
	case c.Route == nil:
		return errors.New("node: no route")
	case c.Verifier == nil:
		return errors.New("node: no verifier of tickets")
	case c.ServiceToken == "" && !c.Open:
		return errors.New("node: no service token")
	case c.BacklogBytes < 0:
		return fmt.Errorf("node: backlog of %d bytes", c.BacklogBytes)
	case c.Capacity < 0:
		return fmt.Errorf("node: capacity %d", c.Capacity)
	case c.DrainRate < 0 || c.DrainTimeout < 0:
		return fmt.Errorf("node: drain rate %d, drain timeout %v", c.DrainRate, c.DrainTimeout)
	case c.PingEvery < time.Second || c.PingEvery%time.Second != 0:
		return fmt.Errorf("node: ping interval %v, want whole seconds", c.PingEvery)
	}
	return nil
}

func (c *Config) link(accept func(*link.Link) link.Handler) link.Config {
	lc := link.Config{
		Accept:      accept,
		Engine:      c.Engine,
		Busy:        c.Busy,
		MaxFrame:    c.MaxFrame,
		OutboxBytes: c.OutboxBytes,
		SilentAfter: c.PingEvery * 33 / 10,
		TLS:         c.TLS,
		Origins:     c.Origins,
		Logger:      c.Logger,
		Registerer:  c.Registerer,
	}
	if c.Capacity > 0 {
		// Room for those who are told Full or have not logged in yet.
		lc.MaxLinks = c.Capacity + c.Capacity/8 + 1024
	}
	return lc
}
