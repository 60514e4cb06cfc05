package routefn

import (
	"context"
	"math/rand/v2"
	"net/http"
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
	case "members", "node-report", "node-reconcile", "node-move", "node-fire", "node-keys":
		return admission.Critical
	default:
		return admission.Normal
	}
}

// admitted runs a use case unless there is too much to do already.
func (rt *Route) admitted(ctx context.Context, useCase string, run func(context.Context) (any, error)) (any, error) {
	class := classOf(useCase)
	verdict := rt.admission.Enter(class)
	rt.metrics.judged(class, verdict)
	if verdict != admission.Admitted {
		return nil, proto.Err(proto.Overloaded, "")
	}
	defer rt.admission.Leave()
	return run(ctx)
}

// store stores messages. How long that takes is what rules admission.
func (rt *Route) store(ctx context.Context, messages []record.Message) []record.Appended {
	begun := time.Now()
	stored := rt.cfg.Store.Append(ctx, messages)
	rt.admission.Answered(time.Since(begun))
	return stored
}

// Whoever is told to come back later is told to wait for 1 to 3 s, by lot: those
// who came together must not come again together.
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
