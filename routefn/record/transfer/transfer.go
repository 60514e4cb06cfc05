// Package transfer imports groups and messages of another system into the store. It also
// reads whole groups for exports. Imports keep the ids of their source. They make
// everything that is missing, and skip everything that exists. So an import may be killed
// and repeated.
//
//	a group and its members come       group.go
//	messages come                      log.go; lua/import.lua
//	groups and accounts are listed     export.go
//
// A message is appended only to the given log, with its own time, and only once. The step
// that appends the message also records eight bytes of a hash of the message's key,
// beside the log. So a second import recognises the message even after it was trimmed. An
// import also searches the log itself, because the messages may have been exported from
// this very log. That takes some 0.5 us per entry.
//
// Package accounts imports accounts. Store.ReadLogs of package record reads logs. The
// keys are in the table of package record.
package transfer

import (
	"context"
	"embed"
	"errors"

	"github.com/cim-go/cim/routefn/record/accounts"
	"github.com/cim-go/cim/routefn/record/entry"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
)

//go:embed lua/*.lua
var folder embed.FS

var importScript = op.Library{folder, entry.Lua, op.Lua}.Load("clock", "entry", "import")

// ErrNoMembers is returned for messages to a group without members.
var ErrNoMembers = errors.New("group has no members yet")

// Logs has all logs.
type Logs interface {
	// Append sends ops[i] to logs[i], in the way of op.DB.Accept. It makes the inboxes
	// that do not exist, and then sends their ops again. The error of an op is
	// accounts.ErrNoUser if the user has no account, and logref.ErrNoGroup if the group
	// does not exist.
	Append(ctx context.Context, logs []logref.Ref, ops []*op.Op)
	// Grown is called when logs have got entries. times[i] is the earliest time of a new
	// entry in logs[i], in ms by the store's clock. Grown makes sure that such an entry
	// is removed when it is too old.
	Grown(ctx context.Context, logs []logref.Ref, times []int64)
}

// Group has the data of a group that are imported and exported.
type Group struct {
	Group   int64
	Name    string // may be empty
	Creator int64
	Request string // id of the request by which the creator made it; see record.NewGroup
}

// Groups has all groups.
type Groups interface {
	// Make makes a group without members. It returns false if another group has the id.
	// The error is logref.ErrNoGroup if the same group has ended within the last day,
	// ErrUnavailable or ErrUnknown.
	Make(ctx context.Context, g Group) (bool, error)
	// Enter makes users members of a group, in their order. It skips users who are
	// members or once were. It returns one error for each.
	Enter(ctx context.Context, group int64, users []accounts.Account) []error
}

// Transfers imports and exports. It is safe for concurrent use. Its calls block like
// those of op.DB.
type Transfers struct {
	db     *op.DB
	logs   Logs
	groups Groups
}

// New returns the imports to and the exports from the store of db.
func New(db *op.DB, logs Logs, groups Groups) *Transfers { return &Transfers{db, logs, groups} }
