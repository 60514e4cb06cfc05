package record

import (
	"regexp"
	"strings"
	"testing"
)

// scripts has all scripts.
var scripts = map[string]*script{
	"append": appendScript, "claim": claimScript, "pull": pullScript, "place": placeScript, "trim": trimScript, "drop": dropScript, "open": openScript,
	"issue": issueScript, "close": closeScript, "ack": ackScript, "key": keyScript, "mark": markScript, "token": tokenScript, "logout": logoutScript, "sessions": sessionsScript, "revoke": revokeScript, "refresh": refreshScript, "cursors": cursorsScript, "tidy": tidyScript,
	"make":   makeScript,
	"create": createScript, "intend": intendScript, "change": changeScript, "settle": settleScript,
	"schedule": scheduleScript, "cancel": cancelScript, "take": takeScript, "end": endScript, "finish": finishScript,
	"stand": standScript, "read": readScript, "sweep": sweepScript, "import": importScript, "credential": credentialScript,
	"try": tryScript, "tried": triedScript, "count": countScript,
	"charge": chargeScript, "meet": meetScript, "role": roleScript,
}

var (
	scriptCall = regexp.MustCompile(`redis\.p?call\(\s*(?:'(\w+)'|ARGV\[at\])\s*(?:,\s*([^,)]+))?`)
	anyCall    = regexp.MustCompile(`redis\.p?call`)
	givenKey   = regexp.MustCompile(`^KEYS\[([1-5]|i|#KEYS)\]$`)
)

// A script must not make keys itself, because a Redis Cluster could not know on which
// server to run it. So every command names a key that the script was given.
func TestScriptsMakeNoKeys(t *testing.T) {
	for name, s := range scripts {
		calls := scriptCall.FindAllStringSubmatch(s.source, -1)
		if len(calls) != len(anyCall.FindAllString(s.source, -1)) || len(calls) == 0 {
			t.Errorf("%s: not every call was understood", name)
		}
		for _, call := range calls {
			command, key := call[1], strings.TrimSpace(call[2])
			if command == "" && key == "key" && strings.Contains(s.source, "for n, key in ipairs(KEYS)") {
				continue
			}
			if command != "TIME" && !givenKey.MatchString(key) {
				t.Errorf("%s: %s works on %s, want one of KEYS", name, command, key)
			}
		}
	}
	files, err := lua.ReadDir("lua")
	if err != nil {
		t.Fatal(err)
	}
	preludes := map[string]bool{
		"entry.lua": true, "live.lua": true, "member.lua": true, "groups.lua": true, "job.lua": true, "expire.lua": true, "outcome.lua": true,
		"find.lua": true, "clock.lua": true, "void.lua": true, "lease.lua": true, "device.lua": true, "forget.lua": true, "bucket.lua": true, "from.lua": true, "logins.lua": true,
		"rate.lua": true, "rates.lua": true, "officers.lua": true,
	}
	for _, f := range files {
		if _, ok := scripts[strings.TrimSuffix(f.Name(), ".lua")]; !ok && !preludes[f.Name()] {
			t.Errorf("%s is not among the scripts that this test looks at", f.Name())
		}
	}
}

// Every key of a log, and so all keys of a script, is in one slot.
func TestKeysOfALogAreInOneSlot(t *testing.T) {
	s := dial(t, Config{URL: backends.cluster.URL()})
	slots := make(map[int64]bool)
	for user := range int64(50) {
		l := logRef{user: user + 1}
		slots[slotOf(t, s, l.list())] = true
		if slotOf(t, s, l.list()) != slotOf(t, s, l.hash()) {
			t.Errorf("%s and %s are in different slots", l.list(), l.hash())
		}
	}
	if len(slots) < 40 {
		t.Errorf("the logs of 50 users are in %d slots: they must be spread", len(slots))
	}
	if g := (logRef{group: 1}); slotOf(t, s, g.list()) != slotOf(t, s, g.hash()) {
		t.Errorf("%s and %s are in different slots", g.list(), g.hash())
	}
}

func slotOf(t *testing.T, s *Store, key string) int64 {
	t.Helper()
	var slot int64
	c, err := s.topology.Master(t.Context(), key)
	if err == nil {
		slot, err = c.ClusterKeySlot(t.Context(), key).Result()
	}
	if err != nil {
		t.Fatal(err)
	}
	return slot
}
