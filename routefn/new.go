package routefn

import (
	"context"
	"net/http"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/cert"
	"github.com/cim-go/cim/proto/skew"
	"github.com/cim-go/cim/proto/sourceip"
	"github.com/cim-go/cim/proto/stream"
	"github.com/cim-go/cim/routefn/admission"
	"github.com/cim-go/cim/routefn/body"
	"github.com/cim-go/cim/routefn/compat"
	"github.com/cim-go/cim/routefn/contact"
	"github.com/cim-go/cim/routefn/delayed"
	"github.com/cim-go/cim/routefn/dispatch"
	"github.com/cim-go/cim/routefn/failure"
	"github.com/cim-go/cim/routefn/group"
	"github.com/cim-go/cim/routefn/identity"
	"github.com/cim-go/cim/routefn/metrics"
	"github.com/cim-go/cim/routefn/moderation"
	"github.com/cim-go/cim/routefn/node"
	"github.com/cim-go/cim/routefn/nodes"
	"github.com/cim-go/cim/routefn/placement"
	"github.com/cim-go/cim/routefn/push"
	"github.com/cim-go/cim/routefn/storecheck"
	"github.com/cim-go/cim/routefn/takeout"
	"github.com/cim-go/cim/routefn/trail"
	"github.com/cim-go/cim/routefn/user"
)

// New checks the configuration and returns a Route. It calls neither the store nor nodes,
// and starts nothing.
func New(c Config) (*Route, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	all := coded(c.Members)
	c.Members = coded(c.Roster.Only(c.Members))
	if c.Roster != nil {
		c.Roster.UseStore(c.Store.Clock)
	}
	limiter := admission.New(admission.Config{Most: c.MaxInFlight, Target: c.StoreTarget})
	m, err := metrics.New(c.Registerer, limiter)
	if err != nil {
		return nil, err
	}
	clocks, err := skew.New(c.Registerer, c.Logger)
	if err != nil {
		return nil, err
	}
	rt := &Route{cfg: c, all: all, trail: &trail.Trail{Log: c.Audit, Proxies: c.Proxies}, metrics: m, admission: limiter, strangers: sourceip.NewLimiter(c.PerAddress)}
	rt.tokens.Set(c.ServiceToken, c.OtherTokens...)
	rt.gate = &cert.Gate{
		Keys: c.Certs, Token: func(r *http.Request) bool { return rt.tokens.Accept(identity.Bearer(r)) },
		AcceptToken: c.AcceptToken, OnToken: m.TokenCalls.Inc, Log: c.Logger,
	}
	rt.nodes = nodes.New(nodes.Config{HTTP: c.HTTP, TLS: c.NodeTLS, Tokens: &rt.tokens, Log: c.Logger, Plain: c.PlainHop, Keys: c.Certs, ShowToken: c.AcceptToken})
	rt.pusher = push.New(rt.nodes, c.Store, m, c.Now, c.Logger)
	rt.pusher.OnKick(rt.trail.Ended)
	waker := &delayed.Waker{Members: c.Members, Nodes: rt.nodes, Untold: m.DelayedUntold, Log: c.Logger}
	rt.check = storecheck.New(storecheck.Config{
		Store: c.Store, Watch: c.Watch, Issuer: c.Issuer, Clocks: clocks, OnLoss: waker.WakeAll, Now: c.Now, Log: c.Logger,
	})
	rt.codes = failure.New(rt.check, c.Logger)
	rt.accounts = identity.New(identity.Config{
		Store: c.Store, Keys: rt.check, Issuer: c.Issuer, Codes: rt.codes, Restored: m.Adopted, Observer: m,
		Open: c.Auth == AuthOpen, Foreign: c.Foreign, Limits: c.Limits,
		ProofLife: c.proofLife(), Now: c.Now,
	})
	rt.makeRequests(clocks, waker)
	rt.requests = rt.table()
	rt.streamed = make(map[string]streamedCall)
	for _, q := range rt.requests {
		m.Expect(q.name)
		if q.streamed != nil {
			rt.streamed[q.path] = q.streamed
		}
	}
	rt.streams = stream.NewServer(stream.ServerConfig{Handle: rt.handleStreamed, MaxBody: body.MaxNode})
	return rt, nil
}

// makeRequests makes the requests of all callers, and the parts that only they use.
func (rt *Route) makeRequests(clocks *skew.Clocks, waker *delayed.Waker) {
	c, m := rt.cfg, rt.metrics
	placer := placement.New(placement.Config{
		Store: c.Store, Members: c.Members, Nodes: rt.nodes, Timing: rt.admission, Policy: c.Policy,
	})
	dispatcher := dispatch.New(c.Store, rt.pusher, rt.admission, c.Now, c.Logger)
	due := delayed.New(delayed.Config{
		Store: c.Store, Pusher: rt.pusher, Dispatch: dispatcher, Accounts: rt.accounts, Codes: rt.codes, Observer: m,
		OnErased: rt.trail.Erased, Log: c.Logger,
	})
	rt.user = user.New(user.Config{
		Store: c.Store, Accounts: rt.accounts, Issuer: c.Issuer, Placer: placer, Dispatch: dispatcher, Pusher: rt.pusher,
		Nodes: rt.nodes, Members: c.Members, Waker: waker, Timing: rt.admission, Missed: m.OnlineMissed, Replayed: m.Replayed, Codes: rt.codes,
		Repeat: c.Repeat, MaxText: c.MaxText, PingSeconds: c.PingSeconds, Now: c.Now, Log: c.Logger,
	})
	rt.contact = &contact.Requests{Store: c.Store}
	rt.moderation = &moderation.Requests{Store: c.Store}
	rt.takeout = &takeout.Requests{Store: c.Store, Timing: rt.admission, Log: c.Logger}
	rt.group = &group.Requests{Store: c.Store, Issuer: c.Issuer, Pusher: rt.pusher, Codes: rt.codes, Log: c.Logger}
	rt.node = node.New(node.Config{
		Store: c.Store, Check: rt.check, Accounts: rt.accounts, Issuer: c.Issuer, Codes: rt.codes, Placer: placer,
		Dispatch: dispatcher, Delayed: due, Pusher: rt.pusher, Nodes: rt.nodes, Members: c.Members, Admission: rt.admission,
		Clocks: clocks, Unproven: m.Unproven,
		Name: c.Name, Repeat: c.Repeat, CIMRepeat: c.CIMRepeat, MaxText: c.MaxText, Now: c.Now, Log: c.Logger,
	})
	rt.compat = compat.New(compat.Config{
		Store: c.Store, State: rt.check, Accounts: rt.accounts, Codes: rt.codes, Placer: placer, Dispatch: dispatcher,
		Pusher: rt.pusher, Users: rt.user,
		Repeat: c.CIMRepeat, MaxText: c.MaxText, MaxBody: c.MaxBody, Log: c.Logger,
	})
}

// Flush blocks until every push that was queued before the call was answered or
// dropped. If ctx ends earlier, Flush returns the error of ctx. A function calls Flush
// before it answers, because it is frozen afterwards.
func (rt *Route) Flush(ctx context.Context) error { return rt.pusher.Flush(ctx) }

// Close ends the streams of nodes, accepts no more pushes, and blocks until the queued
// pushes are done. A node that hangs delays Close by 300 ms at most. The store stays
// open, because its owner closes it. Close may be called twice.
func (rt *Route) Close() {
	rt.streams.Close()
	rt.pusher.Close()
	rt.nodes.Close()
}

// Near is for a node in the same process. After Near, pushes to the node at that address
// are calls of the function push. Near must be called before the route serves.
func (rt *Route) Near(address string, push func(*proto.PushRequest) *proto.PushAnswer) {
	rt.nodes.SetNear(address, push)
}

// SetServiceTokens sets new values for Config.ServiceToken (the parameter token) and
// Config.OtherTokens (others). They hold for every request and stream from now on. Open
// streams stay open. The token must not be empty.
func (rt *Route) SetServiceTokens(token string, others ...string) { rt.tokens.Set(token, others...) }
