// Package delayed keeps the delayed messages of users until they are sent. For one more
// day it keeps how each message ended. Package record knows what a message is. Here it is
// only a key, and an encoded proto.Entry without its time.
//
//	a message is kept, or cancelled    schedule.go; lua/schedule.lua, cancel.lua
//	messages are listed                list.go
//	a message is taken, then removed   ../queue; finish.go; lua/finish.lua
//	all messages of a user are removed erase.go; lua/unschedule.lua
//
// The keys are in the table of package record.
//
// # How a message is fired
//
// All delayed messages of one user are in one shard, and all keys of a shard are in one
// slot. A message is fired by Take, Append and Finish of package record. Take marks it as
// firing. After that it cannot be cancelled, and it has the time that it will have in its
// logs. If the process dies then, the message stays marked and due, even if somebody sets
// the clock (job.lua). When the lease of the shard has run out, another process takes the
// shard over and starts with its first message. The messages whose firing was interrupted
// come first, with the same ids and times, so Append finds those that it has stored
// before.
//
// So a message is stored exactly once, and the messages of one sender are stored in the
// order in which they are due. Only the order may be lost, namely if a route stands still
// for the ten seconds of its lease. If a lease seems to run for longer than that, the
// clock has jumped back since it was given. Such a lease counts as run out.
//
// Append searches 1,000 entries. If a log gets more entries than that in the ten seconds
// after a process died, a message may be in the log twice. Clients show it once, because
// their history has its key.
package delayed

import (
	"embed"
	"errors"
	"time"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/queue"
)

var (
	// ErrTooMany is returned if the user has proto.MaxScheduled delayed messages pending
	// already.
	ErrTooMany = errors.New("too many messages are pending")
	// ErrTooLate is returned for a message that is being sent, or was sent or dropped.
	ErrTooLate = errors.New("message is being sent")
	// ErrNotScheduled is returned if the user has no delayed message with this id.
	ErrNotScheduled = errors.New("no such delayed message")
)

//go:embed lua/*.lua
var folder embed.FS

var (
	lua            = op.Library{folder, queue.Lua, op.Lua}
	scheduleScript = lua.Load("clock", "job", "outcome", "schedule")
	cancelScript   = lua.Load("clock", "job", "outcome", "cancel")
	finishScript   = lua.Load("clock", "job", "outcome", "finish")
	eraseScript    = lua.Load("clock", "job", "unschedule")
)

// Messages keeps the delayed messages of all users. It is safe for concurrent use.
type Messages struct{ db *op.DB }

// New returns the delayed messages in the store of db.
func New(db *op.DB) *Messages { return &Messages{db} }

// Scheduling is a message to be kept until it is due.
type Scheduling struct {
	User  int64  // the sender
	ID    string // the message's id, which the sender chose
	Key   string // proto.Key of User and ID
	Entry []byte
	At    int64 // when the message is due, in ms since 1970; zero: After says it
	After int64 // in how many ms the message is due; zero: At says it
}

// Scheduled is the state of a delayed message.
type Scheduled struct {
	State string     // proto.StatePending or one like it
	Due   int64      // when it is due, or when it ended, in ms by the store's clock
	Code  proto.Code // with StateDropped: the reason

	Wait time.Duration // if it has not ended: the time until it is due; negative: it is due
}
