package bench

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	pb "google.golang.org/protobuf/proto"

	"github.com/cim-go/cim/client/cim/lab/bench/loadclients"
	"github.com/cim-go/cim/proto"
)

// callsAtOnce is how many requests are under way while users are prepared. So many
// requests are enough to keep a route busy.
const callsAtOnce = 32

// fixedPassword is the password of all accounts, if the system asks for one and
// Config.Password is empty.
const fixedPassword = "measured, not guarded"

// device is the device of all users.
const device = "bench"

// api prepares users at the routes of a system. It uses the same accounts each time, so
// that a system which is measured often does not get more and more accounts.
type api struct {
	routes   []string
	client   *http.Client
	trust    *tls.Config // for connections to nodes that speak TLS
	password string
	users    []int64  // ids of the registered users, by index
	tokens   []string // tokens of the users that were logged in

	refused atomic.Int64 // requests that post has repeated, for whatever reason
}

// keepOpen is how many connections to a route are kept for later requests.
const keepOpen = 1024

// newAPI returns an api without users.
func (c *Config) newAPI(routes []string) *api {
	client, transport := http.Client{}, http.DefaultTransport.(*http.Transport)
	if c.HTTP != nil {
		client = *c.HTTP
	}
	if own, ok := client.Transport.(*http.Transport); ok {
		transport = own
	}
	transport = transport.Clone()
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = keepOpen, keepOpen
	client.Transport, client.Timeout = transport, 30*time.Second
	trust := new(tls.Config)
	if transport.TLSClientConfig != nil {
		trust.RootCAs = transport.TLSClientConfig.RootCAs
	}
	return &api{routes: routes, client: &client, trust: trust, password: cmp.Or(c.Password, fixedPassword)}
}

func accountName(i int) string { return fmt.Sprintf("bench-%06d", i) }

// register makes sure that there are n accounts.
func (a *api) register(ctx context.Context, n int) error {
	have := len(a.users)
	if n <= have {
		return nil
	}
	a.users = append(a.users, make([]int64, n-have)...)
	a.tokens = append(a.tokens, make([]string, n-have)...)
	return each(ctx, n-have, func(ctx context.Context, i int) error {
		i += have
		var answer proto.RegisterAnswer
		err := a.post(ctx, i, proto.PathRegister, proto.RegisterRequest{Name: accountName(i), Password: a.password}, &answer)
		a.users[i] = answer.User
		return err
	})
}

// login logs in the registered users from the index first to the index end-1. It returns
// what they need to connect.
func (a *api) login(ctx context.Context, first, end int) ([]loadclients.Seat, error) {
	seats := make([]loadclients.Seat, end-first)
	err := each(ctx, len(seats), func(ctx context.Context, i int) (err error) {
		request := proto.LoginRequest{User: a.users[first+i], Password: a.password, Device: device}
		seats[i], err = a.admit(ctx, first+i, request)
		return err
	})
	return seats, err
}

// comeBack logs in the i-th user by the token of its last login, as a client does that
// lost its connection.
func (a *api) comeBack(ctx context.Context, i int) (loadclients.Seat, error) {
	return a.admit(ctx, i, proto.LoginRequest{Token: a.tokens[i], Device: device})
}

// keepSessions keeps the sessions of TLS with nodes from now on. All users share them,
// which costs a node as much as if each user had one.
func (a *api) keepSessions() {
	a.trust.ClientSessionCache = tls.NewLRUClientSessionCache(0) // zero stands for the default size
}

func (a *api) admit(ctx context.Context, i int, request proto.LoginRequest) (loadclients.Seat, error) {
	var answer proto.LoginAnswer
	if err := a.post(ctx, i, proto.PathLogin, request, &answer); err != nil {
		return loadclients.Seat{}, err
	}
	if answer.Node.Path != "" {
		return loadclients.Seat{}, fmt.Errorf("%s takes only WebSockets at %s, which this load generator does not know", answer.Node.ID, answer.Node.Path)
	}
	a.tokens[i] = answer.Token
	seat := loadclients.Seat{User: answer.User, Address: answer.Node.Address, Ticket: answer.Ticket}
	if answer.Node.TLS {
		seat.TLS = a.trust
	}
	return seat, nil
}

// send sends a message of the i-th user, who is logged in, by one request. If the route
// refuses the message for now, send returns an error and how long to wait.
func (a *api) send(ctx context.Context, i int, m *proto.SendMessage) (receipt proto.SendReceipt, later time.Duration, err error) {
	later, err = a.try(ctx, i, proto.PathSend, m, &receipt)
	return receipt, later, err
}

// group makes a group of the first n users, who are logged in.
func (a *api) group(ctx context.Context, n int) (int64, error) {
	invited := a.users[1:min(n, 1+proto.MaxInvited)]
	var made proto.CreatedGroup
	if err := a.post(ctx, 0, proto.PathGroupCreate, proto.CreateGroup{Name: "bench", Members: invited}, &made); err != nil {
		return 0, err
	}
	if len(made.Missing) > 0 {
		return 0, fmt.Errorf("%d of %d users could not be made members of a group", len(made.Missing), len(invited))
	}
	accept := func(ctx context.Context, i int) error { // in a system with passwords, the maker can only invite users who are not contacts, so they must accept
		if !slices.Contains(made.Invited, a.users[1+i]) {
			return nil
		}
		return a.post(ctx, 1+i, proto.PathGroupAccept, proto.JoinGroup{Group: made.Group}, new(proto.JoinedGroup))
	}
	if err := each(ctx, len(invited), accept); err != nil {
		return 0, err
	}
	rest := 1 + len(invited)
	return made.Group, each(ctx, n-rest, func(ctx context.Context, i int) error {
		return a.post(ctx, rest+i, proto.PathGroupJoin, proto.JoinGroup{Group: made.Group}, new(proto.JoinedGroup))
	})
}

// ownGroup makes a group in which the i-th user is alone. The user is logged in.
func (a *api) ownGroup(ctx context.Context, i int) error {
	return a.post(ctx, i, proto.PathGroupCreate, proto.CreateGroup{Name: "bench"}, new(proto.CreatedGroup))
}

// repeated returns how many requests were refused for now or lost.
func (a *api) repeated() int64 { return a.refused.Load() }

// patience is how long a caller repeats a call that is refused for now. The reason may be
// too many calls, or a server that does not answer. Passwords take CPU time, so a route
// compares only one password per processor at a time.
const patience = 5 * time.Minute

// longestWait is the longest pause before a refused registration is repeated. A route that
// names a longer pause limits registrations, and then the bench fails. The pause of a
// login may be longer, because a route gives each client of a crowd a time of its own.
const longestWait = 30 * time.Second

// Among thousands of connections that are opened at once, some stay unused until the route
// closes them. A call that meets such a connection is repeated, as any client would repeat
// it.
const (
	mostLost  = 3 // calls of one post
	lostPause = 100 * time.Millisecond
)

// post calls a route for the i-th user. If the route answers that a later try may
// succeed, or if a connection breaks, post repeats the call.
func (a *api) post(ctx context.Context, i int, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for lost := 0; ; {
		later, err := a.try(ctx, i, path, in, out)
		if e := (*url.Error)(nil); errors.As(err, &e) && lost < mostLost {
			lost, later = lost+1, lostPause
		}
		switch {
		case later == 0:
			return err
		case later > longestWait && path == proto.PathRegister:
			return fmt.Errorf("the system has limits, and the next account could be made after %v: %w", later, err)
		}
		a.refused.Add(1)
		select {
		case <-ctx.Done():
			return err
		case <-time.After(later):
		}
	}
}

// try calls a route once. The answer comes as JSON, or as protobuf if the parameter out is
// a page. If a later try may succeed, it returns an error and how long to wait.
func (a *api) try(ctx context.Context, i int, path string, in, out any) (later time.Duration, err error) {
	body, err := json.Marshal(in)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, a.routes[i%len(a.routes)]+path, bytes.NewReader(body))
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	request.Header.Set("Content-Type", "application/json")
	page, paged := out.(*proto.Page)
	if paged {
		request.Header.Set("Accept", proto.ContentProtobuf)
	}
	if token := a.tokens[i]; token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	answer, err := a.client.Do(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	if body, err = io.ReadAll(answer.Body); err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	if answer.StatusCode != http.StatusOK {
		if s := answer.StatusCode; s == http.StatusTooManyRequests || s == http.StatusServiceUnavailable {
			seconds, _ := strconv.Atoi(answer.Header.Get("Retry-After"))
			later = max(time.Second, time.Duration(seconds)*time.Second)
		}
		return later, fmt.Errorf("%s answers %s: %s", path, answer.Status, body)
	}
	if paged {
		err = pb.Unmarshal(body, page)
	} else {
		err = json.Unmarshal(body, out)
	}
	if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return 0, nil
}

// each makes all n calls, at most callsAtOnce at a time, and returns the first error.
func each(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(callsAtOnce)
	for i := range n {
		group.Go(func() error { return do(ctx, i) })
	}
	return group.Wait()
}
