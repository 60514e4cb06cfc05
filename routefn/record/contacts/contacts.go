// Package contacts keeps the relations between users: who is a contact of whom, who asks
// to become one, and who blocks whom. It also keeps who may write to a user, add the user
// to groups, and find the user by the id. All of it is in the slot of the user who
// decided it.
//
//	a user blocks another one          relations.go; lua/relation.lua, relate.lua
//	two users become contacts          requests.go; the same scripts
//	a user says who may do what        consent.go; lua/consent.lua
//	others ask whom they may add       add.go
//	others ask whom they may find      find.go
//
// The script that stores a message calls lua/guard.lua, which decides whether the
// receiver takes the message (see guard.go of package record). The keys are in the table
// of package record. If the hash of an inbox is lost, make.lua of that package restores
// it, with what the relations say.
package contacts

import (
	"context"
	"embed"
	"errors"

	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/rows"
	"github.com/cim-go/cim/routefn/role"
)

// Lua has the files by which scripts read and write relations.
//
//go:embed lua/*.lua
var Lua embed.FS

var (
	lua           = op.Library{Lua, rows.Lua, op.Lua}
	relateScript  = lua.Load("clock", "live", "guard", "relation", "relate")
	consentScript = lua.Load("clock", "live", "guard", "relation", "consent")
)

var (
	// ErrBlocked is returned for a message or a request if the other user has blocked the
	// caller. Nothing is stored.
	ErrBlocked = errors.New("blocked by the other user")
	// ErrInvite is returned by MayAdd for a user who can only be invited.
	ErrInvite = errors.New("must be invited")
	// ErrNoRequest is returned if a user accepts a request that does not exist any more.
	ErrNoRequest = errors.New("no such request")
	// ErrNoContact is returned if the other user is no contact.
	ErrNoContact = errors.New("not a contact")
	// ErrTooManyRelations is returned if a user has as many contacts, requests or blocked
	// users as anybody may have.
	ErrTooManyRelations = errors.New("too many contacts, requests or blocked users")
)

// Inboxes has the inboxes of users.
type Inboxes interface {
	// Change sends ops[i] to the inbox of users[i], in the way of op.DB.Accept. It makes
	// those inboxes that do not exist, and then sends their ops again. An op whose user
	// has no account gets accounts.ErrNoUser.
	Change(ctx context.Context, name string, users []int64, ops []*op.Op)
}

// Contacts has the relations of all users. It is safe for concurrent use. Its calls block
// like those of op.DB.
type Contacts struct {
	db      *op.DB
	inboxes Inboxes
	rules   role.Rules
}

// New returns the relations in the store of db. The rules decide for users who have not
// chosen who may add and find them.
func New(db *op.DB, inboxes Inboxes, rules role.Rules) *Contacts {
	return &Contacts{db, inboxes, rules}
}
