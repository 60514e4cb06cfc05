package record

import (
	"embed"

	"github.com/cim-go/cim/routefn/record/contacts"
	"github.com/cim-go/cim/routefn/record/entry"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/pass"
	"github.com/cim-go/cim/routefn/record/queue"
	"github.com/cim-go/cim/routefn/record/rows"
)

//go:embed lua/*.lua
var folder embed.FS

// lua finds files in the folder lua of this package, and in those of the packages below.
var lua = op.Library{folder, contacts.Lua, queue.Lua, pass.Lua, rows.Lua, entry.Lua, op.Lua}

var (
	appendScript = lua.Load("clock", "entry", "member", "find", "lease", "rate", "rates", "contact", "fetched", "room", "expire", "guard", "append")
	// groupScript is appendScript without the functions that only inboxes need. A server
	// makes all functions of a script again at each call.
	groupScript  = lua.Load("clock", "entry", "member", "find", "lease", "rate", "rates", "expire", "append")
	chargeScript = lua.Load("clock", "rate", "charge")
	meetScript   = lua.Load("clock", "rate", "meet")
	pullScript   = lua.Load("entry", "member", "pull")
	standScript  = lua.Load("entry", "stand")
	placeScript  = lua.Load("entry", "find", "place")
	shownScript  = lua.Load("entry", "shown")
	trimScript   = lua.Load("clock", "entry", "contact", "fetched", "room", "trim")
	enterScript  = lua.Load("clock", "entry", "enter")
	dropScript   = lua.Load("drop")
	openScript   = lua.Load("clock", "entry", "live", "void", "device", "forget", "open")
	issueScript  = lua.Load("clock", "live", "void", "device", "logins", "issue")
	closeScript  = lua.Load("clock", "live", "device", "forget", "close")
	logoutScript = lua.Load("clock", "live", "void", "device", "logout")
	revokeScript = lua.Load("clock", "live", "void", "device", "forget", "logins", "revoke")
	ackScript    = lua.Load("clock", "live", "device", "ack")
	arriveScript = lua.Load("clock", "live", "void", "device", "arrive")
	makeScript   = lua.Load("clock", "live", "guard", "relation", "make")
	recallScript = lua.Load("entry", "find", "expire", "recall")
	createScript = lua.Load("create")
	intendScript = lua.Load("clock", "live", "groups", "intend")
	changeScript = lua.Load("clock", "entry", "member", "lease", "officers", "change")
	roleScript   = lua.Load("member", "officers", "role")
	settleScript = lua.Load("clock", "live", "groups", "settle")
	fillScript   = lua.Load("clock", "entry", "member", "lease", "fill")
	enlistScript = lua.Load("clock", "live", "groups", "enlist")

	refreshScript  = lua.Load("clock", "live", "void", "rate", "logins", "refresh")
	sessionsScript = lua.Load("clock", "live", "void", "device", "logins", "sessions")
	cursorsScript  = lua.Load("clock", "live", "device", "cursors")
	tidyScript     = lua.Load("clock", "live", "device", "forget", "tidy")

	sweepScript = lua.Load("clock", "entry", "expire", "sweep")
)
