package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cim-go/cim/client/history"
	"github.com/cim-go/cim/proto"
)

// Transport is how frames travel to the node.
type Transport int

const (
	TCP       Transport = iota // length-delimited frames
	WebSocket                  // one frame a binary message, for networks that let only HTTP pass
)

// Config says who connects and where. Routes and one of Name, User and Token are
// needed; the zero value of everything else is a good choice.
type Config struct {
	Routes []string // base URLs of routes; one is used until it fails, then the next

	// Name and User, its id, name the account; one of them is enough. With both, a
	// route in open mode makes an account again that its store has lost.
	Name     string
	User     int64
	Password string // where the route wants one
	Token    string // of an earlier login (see Client.Token): tried before the password

	// Device names this installation: 1 to 32 of a-z 0-9 - _ and dot; empty: "go".
	// A device has one live connection, a second one displaces the first.
	Device string
	// Repeat is proto.RepeatReplace, proto.RepeatReject, or empty for the route's
	// default.
	Repeat string

	Transport Transport
	TLS       *tls.Config // for nodes with TLS; nil: the system's roots. The server name is the node's.
	// History is where shown messages are kept. nil: nowhere; then messages since
	// the device's acknowledged position are shown again in the next process.
	History History

	HTTP *http.Client // for routes; nil: http.DefaultClient. Needs no timeout of its own.
	// Dial makes the connection to a node, without TLS; nil: TCP to its address.
	Dial   func(ctx context.Context, node proto.Node) (net.Conn, error)
	Logger *slog.Logger // nil: silent
}

// History is where a client keeps what it has shown; package history has one on
// disk. Its methods may be called concurrently, Append only by one at a time.
type History interface {
	// Bind is called once, after the login, and fails for another user's history.
	Bind(user int64) error
	// Append writes a position and, unless m is nil, the message that stands
	// there, in one write: after a crash either both are there or neither.
	Append(at proto.Position, m *proto.Message) error
	// Has reports whether a message with this key (proto.Key) was appended.
	Has(key string) bool
	// Positions returns positions of a log to resume from, the latest first, the
	// earliest known last; none for a log that was never read.
	Positions(log int64) []proto.Position
}

const (
	callTimeout      = 10 * time.Second // one request to one route
	dialTimeout      = 5 * time.Second
	handshakeTimeout = 15 * time.Second // for a frame of the node, which answers pings while it waits for a route
	handshakePing    = 5 * time.Second
	handshakeLongest = 75 * time.Second // a node that has many to confirm gives up after a minute
	writeTimeout     = 10 * time.Second // for at most writeChunk and a frame
	pongTimeout      = 5 * time.Second
	leaveTimeout     = time.Second // for the last acknowledgement at Close
	handoverTimeout  = time.Second // for answers of the node that is left
	ackInterval      = 5 * time.Second
	confirmInterval  = 100 * time.Millisecond // between acknowledgements that senders wait for
	defaultPing      = 10 * time.Second
)

// withDefaults fills what is empty and checks the rest.
func (c Config) withDefaults() (Config, error) {
	if c.Device == "" {
		c.Device = "go"
	}
	if c.HTTP == nil {
		c.HTTP = http.DefaultClient
	}
	if c.History == nil {
		c.History = history.NewMemory()
	}
	if c.Dial == nil {
		c.Dial = dialTCP
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if err := checkRoutes(c.Routes); err != nil {
		return c, err
	}
	if c.Name == "" && c.User == 0 && c.Token == "" {
		return c, errors.New("client: one of Name, User and Token is needed")
	}
	return c, nil
}

func checkRoutes(routes []string) error {
	if len(routes) == 0 {
		return errors.New("client: Routes is empty")
	}
	for _, r := range routes {
		u, err := url.Parse(r)
		if err != nil {
			return fmt.Errorf("client: route %q: %w", r, err)
		}
		if !strings.HasPrefix(u.Scheme, "http") || u.Host == "" {
			return fmt.Errorf("client: route %q: want http://host:port or https://host", r)
		}
	}
	return nil
}

func dialTCP(ctx context.Context, node proto.Node) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", node.Address)
}
