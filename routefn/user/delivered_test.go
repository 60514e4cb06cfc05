package user

import (
	"testing"

	"github.com/cim-go/cim/proto"
)

func TestOnlyACursorOfThisInboxHasPassed(t *testing.T) {
	at := proto.Position{Epoch: 7, Number: 5}
	for name, c := range map[string]struct {
		cursor proto.Position
		want   bool
	}{
		"at the message":   {at, true},
		"behind it":        {proto.Position{Epoch: 7, Number: 6}, true},
		"before it":        {proto.Position{Epoch: 7, Number: 4}, false},
		"in a lost inbox":  {proto.Position{Epoch: 6, Number: 9}, false},
		"in a group's log": {proto.Position{Log: proto.Everyone, Epoch: 7, Number: 9}, false},
	} {
		devices := map[string][]proto.Position{"new": nil, "phone": {{Log: 9, Epoch: 1, Number: 1}, c.cursor}}
		if got := passed(devices, at); got != c.want {
			t.Errorf("a cursor %s: %v", name, got)
		}
	}
}
