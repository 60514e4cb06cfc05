package routefn

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/retry"
	"github.com/cim-go/cim/routefn/admission"
)

// The names of nodes' requests, for each of which Direct has a method.
const (
	nodeReport    = "node-report"
	nodeSend      = "node-send"
	nodeReconcile = "node-reconcile"
	nodePull      = "node-pull"
	nodeMove      = "node-move"
	nodeFire      = "node-fire"
)

// classOf returns the class of a use case, which decides how soon an overloaded route
// refuses it. Health checks and metrics are never refused, because they do not pass
// admission.
func classOf(useCase string) admission.Class {
	switch useCase {
	case "send", "schedule", "cim-group", "cim-private":
		return admission.Sheddable
	case "login", "refresh", "cim-login":
		return admission.Login
	case "export":
		return admission.Backlog
	case "members", nodeReport, nodeReconcile, nodeMove, nodeFire, "node-keys":
		return admission.Critical
	default:
		return admission.Normal
	}
}

// A manner has the headers of a request that affect when it is served.
type manner struct {
	refused int   // how often the caller was refused before
	backlog bool  // the request reads an old page of a log
	user    int64 // the user whose token the request has; 0: there is none

	braked bool // the request had to wait, see admission.Brake
	closes bool // the connection ends with the answer

	again time.Duration // after a refusal: the time until the caller should retry; zero: the caller chooses at random
}

// mannerOf reads the manner of a request from its headers. A caller may lie about how
// often it was refused. A caller that lies only overtakes refused callers of its own
// class, and takes nothing from connected users.
func mannerOf(r *http.Request) *manner {
	m := new(manner)
	if n, err := strconv.Atoi(r.Header.Get(proto.HeaderRefused)); err == nil {
		m.refused = min(max(n, 0), mostRefusals)
	}
	m.backlog = r.Header.Get(proto.HeaderPriority) == proto.PriorityBacklog
	m.user, _ = r.Context().Value(provedKey{}).(int64)
	return m
}

const (
	// mostRefusals is the highest number of refusals. A header with a higher number counts
	// as if it had this one.
	mostRefusals = 9
	// patience is how long a request waits in the queue. It is less than the 10 s for
	// which clients wait for an answer. A request that was refused before waits for
	// proto.RefusedPatience.
	patience = 5 * time.Second
	// cimPatience is how long a message of CIM's clients waits in the queue. These
	// clients wait 3 s in all and do not retry, see compat.MessageTimeout.
	cimPatience = 1500 * time.Millisecond
)

// patienceOf returns how long a request waits in the queue. If it is zero, the request
// does not wait.
func (m *manner) patienceOf(useCase string, class admission.Class) time.Duration {
	switch {
	case useCase == "cim-group" || useCase == "cim-private":
		return cimPatience
	case class != admission.Login && class != admission.Backlog:
		return 0
	case m.refused > 0:
		return proto.RefusedPatience
	default:
		return patience
	}
}

// braked runs a use case as the method admitted does. If a user's requests are refused
// again and again, the next request first waits. It takes no place meanwhile.
func (rt *Route) braked(ctx context.Context, useCase string, m *manner, run func(context.Context) (any, error)) (any, error) {
	if m.user == 0 {
		return rt.admitted(ctx, useCase, m, run)
	}
	wait, ok := rt.brake.Enter(m.user, time.Now())
	if !ok {
		rt.metrics.Judged(classOf(useCase), admission.Braked)
		m.again, m.closes = wait, true
		return nil, proto.Err(proto.Limited, "Too many of this user's requests were refused.")
	}
	m.braked = wait > 0
	retry.Sleep(ctx, wait) // if ctx ends, the use case reports that
	return rt.admitted(ctx, useCase, m, run)
}

// ended tells the brake how a request ended. The code is OK if it was served. A refusal
// counts only if the route called the store for it. A request that finds no place costs
// nothing, and its client may be a server with many users of its own.
func (rt *Route) ended(m *manner, code proto.Code) {
	if m.user == 0 || m.closes {
		return
	}
	refused := code == proto.Limited || code == proto.NewReceivers || code == proto.InboxFull
	rt.brake.Leave(m.user, time.Now(), m.braked, refused)
}

// admitted runs a use case unless the route is overloaded. Logins, requests for old
// pages, and messages of CIM's clients wait in the queue first. While others want places,
// the requests of one user with a token may take only a bounded share of them.
func (rt *Route) admitted(ctx context.Context, useCase string, m *manner, run func(context.Context) (any, error)) (any, error) {
	class := classOf(useCase)
	if m.backlog && useCase == "pull" {
		class = admission.Backlog
	}
	verdict := admission.OverShare
	if m.user != 0 {
		if !rt.shares.Enter(m.user, rt.admission.Limit(class), rt.admission.Spare(class)) {
			rt.metrics.Judged(class, verdict)
			return nil, proto.Err(proto.Overloaded, "Too many of this user's requests are being served.")
		}
		defer rt.shares.Leave(m.user)
	}
	if waits := m.patienceOf(useCase, class); waits > 0 {
		verdict, m.again = rt.admission.Wait(ctx, class, m.refused, waits)
	} else {
		verdict = rt.admission.Enter(class)
	}
	rt.metrics.Judged(class, verdict)
	if verdict != admission.Admitted {
		return nil, proto.Err(proto.Overloaded, "")
	}
	defer rt.admission.Leave(class)
	if useCase == "login" || useCase == "register" { // these requests free their places while passwords are hashed
		ctx = rt.admission.WithPlace(ctx, class)
	}
	return run(ctx)
}
