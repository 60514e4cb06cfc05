package record

import (
	"crypto/sha1"
	"embed"
	"encoding/hex"
)

//go:embed lua/*.lua
var lua embed.FS

// script is a Lua script that runs inside the store. Each file in lua documents
// its KEYS, ARGV and answer.
type script struct {
	text string
	hash string
}

var (
	appendScript = load("clock", "entry", "member", "find", "lease", "append")
	claimScript  = load("entry", "find", "claim")
	pullScript   = load("entry", "member", "pull")
	standScript  = load("entry", "stand")
	placeScript  = load("entry", "find", "place")
	trimScript   = load("clock", "entry", "trim")
	dropScript   = load("drop")
	openScript   = load("clock", "entry", "live", "void", "device", "forget", "open")
	issueScript  = load("clock", "live", "void", "issue")
	closeScript  = load("clock", "live", "device", "forget", "close")
	tokenScript  = load("clock", "live", "void", "token")
	logoutScript = load("clock", "live", "void", "device", "logout")
	keyScript    = load("clock", "live", "key")
	markScript   = load("clock", "live", "mark")
	ackScript    = load("clock", "live", "device", "ack")
	makeScript   = load("make")
	createScript = load("create")
	intendScript = load("clock", "live", "groups", "intend")
	changeScript = load("clock", "entry", "member", "lease", "change")
	settleScript = load("clock", "live", "groups", "settle")

	cursorsScript = load("clock", "live", "device", "cursors")
	tidyScript    = load("clock", "live", "device", "forget", "tidy")
	readScript    = load("read")

	scheduleScript = load("clock", "job", "outcome", "schedule")
	cancelScript   = load("clock", "job", "outcome", "cancel")
	takeScript     = load("clock", "job", "take")
	endScript      = load("clock", "job", "end")
	sweepScript    = load("clock", "entry", "expire", "sweep")
	finishScript   = load("clock", "job", "outcome", "finish")
)

// load joins files to one script; all but the last are preludes. It panics on a
// name that is not there, which is a mistake of this package.
func load(names ...string) *script {
	var text []byte
	for _, name := range names {
		file, err := lua.ReadFile("lua/" + name + ".lua")
		if err != nil {
			panic(err)
		}
		text = append(text, file...)
	}
	sum := sha1.Sum(text)
	return &script{text: string(text), hash: hex.EncodeToString(sum[:])}
}

// call returns the command that runs the script: by its hash, or by its text,
// which also makes the server remember it.
func (s *script) call(full bool, keys []string, args []any) []any {
	cmd := make([]any, 0, 3+len(keys)+len(args))
	if full {
		cmd = append(cmd, "eval", s.text)
	} else {
		cmd = append(cmd, "evalsha", s.hash)
	}
	cmd = append(cmd, len(keys))
	for _, key := range keys {
		cmd = append(cmd, key)
	}
	return append(cmd, args...)
}

// noLog is what scripts answer where the log they work on is not there.
func (o *op) noLog() bool { return o.err == nil && text(o.reply[0]) == "nolog" }
