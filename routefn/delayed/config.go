package delayed

import (
	"log/slog"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/dispatch"
	"github.com/cim-go/cim/routefn/failure"
	"github.com/cim-go/cim/routefn/identity"
	"github.com/cim-go/cim/routefn/push"
	"github.com/cim-go/cim/routefn/record"
)

// Observer counts. Its methods must not block.
type Observer interface {
	DelayedOver(code proto.Code, late time.Duration) // sent, or dropped with a code
	DelayedLeft()                                    // a try failed and is repeated
	WorkEnded(kind record.Kind, verdict record.Verdict)
}

// Config configures a Sender. All fields are required.
type Config struct {
	Store    *record.Store
	Pusher   *push.Pusher
	Dispatch *dispatch.Dispatcher
	Accounts *identity.Accounts
	Codes    *failure.Codes
	Observer Observer
	Log      *slog.Logger
}

const (
	// A node calls again after AskLatest if nothing is due earlier. A message that was
	// scheduled meanwhile, and for which no node could be woken, is late by up to that
	// time.
	AskLatest = 30 * time.Second
	// askAgain is the time until the next call if a due message cannot be sent now,
	// because another route has the shard or the store failed.
	askAgain = 900 * time.Millisecond
	// askSoonest is the least time until the next call, so that messages that are due
	// in close succession are sent together.
	askSoonest = 200 * time.Millisecond
)

// nextAsk returns the time until a node should call again, if the next message is due
// in wait. A negative wait means that there is none.
func nextAsk(wait time.Duration) time.Duration {
	if wait < 0 {
		return AskLatest
	}
	return min(max(wait, askSoonest), AskLatest)
}
