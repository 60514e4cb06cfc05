package logref

import (
	"strings"
	"testing"
)

func TestTagNamesOneLog(t *testing.T) {
	for _, l := range []Ref{{User: 1}, {Group: 1}, {User: 1795308780273}, Everyone} {
		if got, ok := Parse(l.Tag()); !ok || got != l {
			t.Errorf("tag %s is read as %+v, %v", l.Tag(), got, ok)
		}
	}
	for _, tag := range []string{"", "g", "0", "g0", "-1", "g-1", "gg1", "1g", "all"} {
		if got, ok := Parse(tag); ok {
			t.Errorf("%q is read as %+v", tag, got)
		}
	}
}

// One script gets several keys of a log, so all of them are in one slot.
func TestKeysOfALogHaveOneTag(t *testing.T) {
	for _, l := range []Ref{{User: 7}, {Group: 7}} {
		seen := make(map[string]bool)
		for _, key := range []string{
			l.List(), l.Hash(), l.Members(), l.Leases(), l.Counts(), l.Receivers(), l.Relations(), l.Choosy(), l.End(), l.Imported(),
		} {
			if !strings.HasPrefix(key, "cim:{"+l.Tag()+"}:") || seen[key] {
				t.Errorf("key %s of log %s", key, l.Tag())
			}
			seen[key] = true
		}
	}
}

func TestOnlyMembersReadTheLogOfAGroup(t *testing.T) {
	for l, want := range map[Ref]bool{{User: 7}: false, {Group: 7}: true, Everyone: false} {
		if l.Closed() != want {
			t.Errorf("log %s is closed: %v", l.Tag(), l.Closed())
		}
	}
}
