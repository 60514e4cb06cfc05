package record

import (
	"crypto/sha1"
	"embed"
	"encoding/hex"
)

//go:embed lua/*.lua
var lua embed.FS

// script is a Lua script that runs inside the store. Each file in the folder lua
// documents its KEYS, ARGV and answer.
type script struct {
	source string
	hash   string
}

var (
	appendScript = load("clock", "entry", "member", "find", "lease", "rate", "rates", "append")
	claimScript  = load("clock", "entry", "find", "rate", "claim")
	chargeScript = load("clock", "rate", "charge")
	meetScript   = load("clock", "rate", "meet")
	pullScript   = load("entry", "member", "pull")
	standScript  = load("entry", "stand")
	placeScript  = load("entry", "find", "place")
	trimScript   = load("clock", "entry", "trim")
	dropScript   = load("drop")
	openScript   = load("clock", "entry", "live", "void", "device", "forget", "open")
	issueScript  = load("clock", "live", "void", "device", "logins", "issue")
	closeScript  = load("clock", "live", "device", "forget", "close")
	tokenScript  = load("clock", "live", "void", "rate", "token")
	logoutScript = load("clock", "live", "void", "device", "logout")
	revokeScript = load("clock", "live", "void", "device", "forget", "logins", "revoke")
	keyScript    = load("clock", "live", "key")
	markScript   = load("clock", "live", "mark")
	ackScript    = load("clock", "live", "device", "ack")
	makeScript   = load("clock", "live", "make")
	createScript = load("create")
	intendScript = load("clock", "live", "groups", "intend")
	changeScript = load("clock", "entry", "member", "lease", "officers", "change")
	roleScript   = load("member", "officers", "role")
	settleScript = load("clock", "live", "groups", "settle")

	refreshScript  = load("clock", "live", "void", "logins", "refresh")
	sessionsScript = load("clock", "live", "void", "device", "logins", "sessions")
	cursorsScript  = load("clock", "live", "device", "cursors")
	tidyScript     = load("clock", "live", "device", "forget", "tidy")
	readScript     = load("read")

	scheduleScript = load("clock", "job", "outcome", "schedule")
	cancelScript   = load("clock", "job", "outcome", "cancel")
	takeScript     = load("clock", "job", "take")
	endScript      = load("clock", "job", "end")
	sweepScript    = load("clock", "entry", "expire", "sweep")
	finishScript   = load("clock", "job", "outcome", "finish")

	importScript     = load("clock", "entry", "import")
	credentialScript = load("credential")

	tryScript   = load("clock", "bucket", "from", "try")
	triedScript = load("clock", "bucket", "from", "tried")
	countScript = load("clock", "bucket", "count")
)

// load makes one script of several files. The last one is the script. The others define
// functions for it. load panics if a file does not exist, because that is a mistake of
// this package.
func load(names ...string) *script {
	var source []byte
	for _, name := range names {
		file, err := lua.ReadFile("lua/" + name + ".lua")
		if err != nil {
			panic(err)
		}
		source = append(source, file...)
	}
	sum := sha1.Sum(source)
	return &script{source: string(source), hash: hex.EncodeToString(sum[:])}
}

// command returns the command that runs the script. It names the script by its hash. If
// full is set, it has the source instead, which the server then remembers.
func (s *script) command(full bool, keys []string, args []any) []any {
	cmd := make([]any, 0, 3+len(keys)+len(args))
	if full {
		cmd = append(cmd, "eval", s.source)
	} else {
		cmd = append(cmd, "evalsha", s.hash)
	}
	cmd = append(cmd, len(keys))
	for _, key := range keys {
		cmd = append(cmd, key)
	}
	return append(cmd, args...)
}
