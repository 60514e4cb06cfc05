package link

import (
	"cmp"
	"crypto/tls"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/browser"
	"github.com/cim-go/cim/proto/sourceip"
)

// Config of a Server. A zero value stands for the default that the field's comment
// names.
type Config struct {
	// Accept returns the owner of a new link. Required. It must not block and
	// must not use the link before it returns.
	Accept func(*Link) Handler

	MaxFrame     int           // bytes of an encoded frame; 0: proto.MaxFrame
	OutboxBytes  int           // bytes that may wait to be written, per link; 0: 256 KiB
	MaxLinks     int           // the largest number of links; above it, a new connection is closed at once; 0: no limit
	LoginTimeout time.Duration // how long a link may take to its first frame, while many links have sent none; 0: 5 s
	LoginQuiet   time.Duration // the same, while few links have sent none; 0: LoginTimeout if that is set, else 30 s
	LoginSlots   int           // if a quarter of this number of links, or more, have sent no frame, they count as many; 0: 1024
	PerAddress   int           // how many links with unproved peers one address may have; 0: no limit
	SilentAfter  time.Duration // the link of a logged-in peer is closed if the peer sends nothing for so long; 0: 33 s
	StallTimeout time.Duration // how long one write of at most 16 KiB may take; 0: 30 s
	Linger       time.Duration // how long a link may last after Close; 0: 3 s

	// Engine selects the engine that reads and writes the sockets; 0: EngineAuto.
	Engine Engine

	// TLS makes the port speak TLS too. nil: plain only.
	TLS *tls.Config
	// TLSOnly makes the server refuse links without TLS. It recognises them by their
	// first bytes, before it reads a ticket. It needs TLS.
	TLSOnly bool

	// Proxies has the proxies that may name the address of the client for which they
	// connect. They do so by a PROXY header (version 1 or 2) before everything else, or
	// by X-Forwarded-For in the request of a WebSocket. A proxy itself does not count
	// against PerAddress.
	Proxies sourceip.Proxies

	// Pages judges requests for a WebSocket by their Host and Origin headers. nil:
	// accepts all.
	Pages *browser.Guard

	Logger     *slog.Logger          // nil: silent
	Registerer prometheus.Registerer // nil: no metrics
}

// Engine is a way to carry links.
type Engine uint8

const (
	EngineAuto     Engine = iota // epoll on Linux with a TCP listener, otherwise portable
	EnginePortable               // a goroutine for each link
	EngineEpoll                  // a few loops for all links, also with TLS; Linux only
)

var engineNames = [...]string{EngineAuto: "auto", EnginePortable: "portable", EngineEpoll: "epoll"}

// String implements flag.Value.
func (e *Engine) String() string { return engineNames[*e] }

// Set implements flag.Value. The names are auto, portable and epoll.
func (e *Engine) Set(name string) error {
	i := slices.Index(engineNames[:], name)
	if i < 0 {
		return errors.New("want auto, portable or epoll")
	}
	*e = Engine(i)
	return nil
}

// sweepEvery is how often all links are checked. So Config's time limits may be exceeded
// by this time.
const sweepEvery = time.Second

func (c Config) withDefaults() Config {
	if c.MaxFrame == 0 {
		c.MaxFrame = proto.MaxFrame
	}
	if c.OutboxBytes == 0 {
		c.OutboxBytes = 256 << 10
	}
	if c.LoginQuiet == 0 {
		c.LoginQuiet = cmp.Or(c.LoginTimeout, 30*time.Second)
	}
	if c.LoginSlots == 0 {
		c.LoginSlots = 1024
	}
	if c.LoginTimeout == 0 {
		c.LoginTimeout = 5 * time.Second
	}
	if c.SilentAfter == 0 {
		c.SilentAfter = 33 * time.Second
	}
	if c.StallTimeout == 0 {
		c.StallTimeout = 30 * time.Second
	}
	if c.Linger == 0 {
		c.Linger = 3 * time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}
