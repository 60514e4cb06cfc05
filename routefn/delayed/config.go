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
	"github.com/cim-go/cim/routefn/record/queue"
)

// Observer counts delayed messages and other jobs. Its methods must not block.
type Observer interface {
	DelayedOver(code proto.Code, late time.Duration) // a message was sent (OK), or dropped with the code
	DelayedLeft()                                    // sending a message failed, and is tried again
	WorkEnded(kind queue.Kind, verdict queue.Verdict)
}

// Config configures a Sender. All fields are required.
type Config struct {
	Store    *record.Store
	Pusher   *push.Pusher
	Dispatch *dispatch.Dispatcher
	Accounts *identity.Accounts
	Codes    *failure.Codes
	Observer Observer
	OnErased func(user int64) // called when an account was erased; must not block
	Log      *slog.Logger
}

const (
	// AskLatest is the time after which a node asks for due work again if no work is due
	// earlier. So a message for which no node could be woken is late by at most AskLatest.
	AskLatest = 30 * time.Second
	// askAgain is the time until the node's next call if a due message cannot be sent now.
	// Another route may have leased its shard, or the store failed.
	askAgain = 900 * time.Millisecond
	// askSoonest is the shortest time until the node's next call. So messages that are
	// due in close succession are sent together.
	askSoonest = 200 * time.Millisecond
)

// nextAsk returns the time until a node should call again. The parameter wait is the
// time until the next message is due, or negative if there is none.
func nextAsk(wait time.Duration) time.Duration {
	if wait < 0 {
		return AskLatest
	}
	return min(max(wait, askSoonest), AskLatest)
}
