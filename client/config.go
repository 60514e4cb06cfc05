package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cim-go/cim/client/history"
	"github.com/cim-go/cim/client/internal/wire"
	"github.com/cim-go/cim/proto"
)

// Transport is how frames travel to the node.
type Transport int

const (
	TCP       Transport = iota // length-delimited frames; if a node is behind a WebSocket proxy, WebSocket is used
	WebSocket                  // one frame per binary message, for networks that let only HTTP pass
)

// Config names the account and the routes. It needs Routes and one of Name, User, Token
// and JWT. The zero value of every other field is a good choice.
type Config struct {
	Routes []string // base URLs of routes; the client uses one until it fails, and then the next

	// Name and User (its id) name the account. One of them is enough. With both, a
	// route in open mode creates the account again if its store has lost it.
	Name     string
	User     int64
	Password string // needed if the route checks passwords
	Token    string // from an earlier login (see Client.Token); it is tried before the password
	// JWT returns a token of the other system that knows the users, for routes that
	// accept such tokens (-auth jwt). It replaces Password, and Name and User may be
	// empty. The client calls it, perhaps concurrently, for each login for which it has
	// no token of a route. After an error the client tries again later.
	JWT func(ctx context.Context) (string, error)

	// Device names this installation: 1 to 32 of a-z 0-9 - _ and dot; empty: "go". A
	// device has one live connection.
	Device string
	// Repeat decides what happens at a login if another connection of this device is
	// live. proto.RepeatReplace ends the older connection, and proto.RepeatReject refuses
	// the login. Empty: the route's default.
	Repeat string

	Transport Transport
	// TLS is for nodes with TLS. nil: the system's roots. An empty ServerName means the
	// host of the node's address. A nil ClientSessionCache means that connections resume
	// the latest session. SessionTicketsDisabled prevents that.
	TLS *tls.Config
	// RootCAs has the authorities that may sign certificates of routes and nodes, for a
	// cluster with an authority of its own. nil: the system's. It is not used for routes
	// if HTTP is set, and not for nodes if TLS.RootCAs is set.
	RootCAs *x509.CertPool
	// History keeps the messages that were shown. Without one, the next process shows the
	// messages after the device's acknowledged position again.
	History History

	HTTP *http.Client // calls the routes; nil: http.DefaultClient. It needs no timeout of its own.
	// Dial makes the connection to a node, without TLS. nil: a TCP connection to the
	// node's address.
	Dial   func(ctx context.Context, node proto.Node) (net.Conn, error)
	Logger *slog.Logger // nil: silent
}

// History keeps the messages that a client has shown. Package history has one on
// disk. Its methods may be called concurrently, but only one Append at a time.
type History interface {
	// Bind is called once, after the login, and fails for another user's history.
	Bind(user int64) error
	// Append writes a position and, unless m is nil, the message that stands there. It
	// does both in one write, so after a crash the history has both or none of them.
	Append(at proto.Position, m *proto.Message) error
	// Has reports whether a message with this key (proto.Key) was appended.
	Has(key string) bool
	// Positions returns the positions of a log from which reading can continue. The latest
	// comes first, and the earliest known comes last. A log that was never read has none.
	Positions(log int64) []proto.Position
}

const (
	callTimeout      = 10 * time.Second // for one request to one route
	dialTimeout      = 5 * time.Second
	handshakeTimeout = 15 * time.Second // how long a node may send nothing during the handshake; it still answers pings while it waits for a route
	handshakePing    = 5 * time.Second
	handshakeLongest = 75 * time.Second // for the whole handshake; a node with many logins to confirm gives up after a minute
	writeTimeout     = 10 * time.Second // for one write, of at most wire.WriteChunk and one frame
	pongTimeout      = 5 * time.Second
	leaveTimeout     = time.Second // how long Close waits for the last acknowledgement
	handoverTimeout  = time.Second // how long the client waits for the last answers of the node that it leaves
	ackInterval      = 5 * time.Second
	confirmInterval  = 100 * time.Millisecond // between two acknowledgements for which senders wait
	defaultPing      = 10 * time.Second
)

// withDefaults fills the empty fields and checks the others.
func (c Config) withDefaults() (Config, error) {
	if c.Device == "" {
		c.Device = "go"
	}
	c.trust()
	c.resume()
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
	if c.Name == "" && c.User == 0 && c.Token == "" && c.JWT == nil {
		return c, errors.New("client: one of Name, User, Token and JWT is needed")
	}
	return c, nil
}

// trust copies RootCAs into HTTP and TLS, which connections to routes and nodes use.
func (c *Config) trust() {
	if c.RootCAs == nil {
		return
	}
	own := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: c.RootCAs}
	if c.HTTP == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.TLSClientConfig = own
		c.HTTP = &http.Client{Transport: transport}
	}
	switch {
	case c.TLS == nil:
		c.TLS = own
	case c.TLS.RootCAs == nil:
		c.TLS = c.TLS.Clone()
		c.TLS.RootCAs = c.RootCAs
	}
}

// resume makes connections to nodes resume the latest session of TLS.
func (c *Config) resume() {
	if c.TLS == nil {
		c.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	if c.TLS.ClientSessionCache == nil {
		c.TLS = c.TLS.Clone()
		c.TLS.ClientSessionCache = new(wire.Sessions)
	}
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
