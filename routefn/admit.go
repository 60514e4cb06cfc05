package routefn

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/admission"
	"github.com/cim-go/cim/routefn/record"
)

// classOf says how soon a use case is refused when there is too much to do. The
// health checks and the metrics never are: they do not come by here.
func classOf(useCase string) admission.Class {
	switch useCase {
	case "send", "schedule", "cim-group", "cim-private":
		return admission.Sheddable
	case "login", "cim-login":
		return admission.Login
	case "members", "node-report", "node-reconcile", "node-move", "node-fire", "node-keys":
		return admission.Critical
	default:
		return admission.Normal
	}
}

// A manner is what a request says of how it may be served.
type manner struct {
	refused int  // how often it was told to come again
	backlog bool // it reads an old page of a log

	again time.Duration // set where it was refused: until its turn; zero: by lot
}

// mannerOf reads the headers of a request. Who claims too much is served no sooner
// than others of its class who were refused: that costs nobody who is connected.
func mannerOf(r *http.Request) *manner {
	m := new(manner)
	if n, err := strconv.Atoi(r.Header.Get(proto.HeaderRefused)); err == nil {
		m.refused = min(max(n, 0), mostRefusals)
	}
	m.backlog = r.Header.Get(proto.HeaderPriority) == proto.PriorityBacklog
	return m
}

const (
	// mostRefusals is the count of refusals beyond which no more is counted.
	mostRefusals = 9
	// patience is how long a request waits in line, less than the 10 s after which
	// clients give one up. One that was refused before gives it proto.RefusedPatience.
	patience = 5 * time.Second
)

// admitted runs a use case unless there is too much to do already. Logins and old
// pages wait for their turn first.
func (rt *Route) admitted(ctx context.Context, useCase string, m *manner, run func(context.Context) (any, error)) (any, error) {
	class := classOf(useCase)
	if m.backlog && useCase == "pull" {
		class = admission.Backlog
	}
	var verdict admission.Verdict
	switch class {
	case admission.Login, admission.Backlog:
		waits := patience
		if m.refused > 0 {
			waits = proto.RefusedPatience
		}
		verdict, m.again = rt.admission.Wait(ctx, class, m.refused, waits)
	default:
		verdict = rt.admission.Enter(class)
	}
	rt.metrics.judged(class, verdict)
	if verdict != admission.Admitted {
		return nil, proto.Err(proto.Overloaded, "")
	}
	defer rt.admission.Leave(class)
	return run(ctx)
}

// store stores messages. How long the store takes for one thing, here, for a login's
// number or for a page, is what rules admission.
func (rt *Route) store(ctx context.Context, messages []record.Message) []record.Appended {
	begun := time.Now()
	stored := rt.cfg.Store.Append(ctx, messages)
	rt.admission.Answered(time.Since(begun))
	return stored
}

// Whoever has no turn is told to wait for 1 to 3 s, by lot: those who came together
// must not come again together.
const (
	leastRetryAfter = 1 // seconds, the unit of the header
	mostRetryAfter  = 3
)

// retryAfter is when to try again what was refused with the status; zero: there is
// no telling.
func retryAfter(status int) time.Duration {
	if status != http.StatusTooManyRequests && status != http.StatusServiceUnavailable {
		return 0
	}
	return time.Duration(leastRetryAfter+rand.IntN(mostRetryAfter-leastRetryAfter+1)) * time.Second
}
