package node

import (
	"testing"

	"github.com/cim-go/cim/proto"
)

// The received position is behind the cursor, or of a log that began anew.
func TestReceivedMovesNoCursorBack(t *testing.T) {
	at := func(log, epoch, number int64) proto.Position {
		return proto.Position{Log: log, Epoch: proto.Epoch(epoch), Number: number}
	}
	inbox := at(proto.Inbox, 7, 9)
	for name, test := range map[string]struct{ cursor, received, want proto.Position }{
		"further":                  {at(0, 7, 3), at(0, 7, 5), at(0, 7, 5)},
		"less":                     {at(0, 7, 5), at(0, 7, 3), at(0, 7, 5)},
		"beyond the end":           {at(0, 7, 5), at(0, 7, 10), at(0, 7, 5)},
		"of an earlier inbox":      {at(0, 7, 5), at(0, 6, 8), at(0, 7, 5)},
		"the cursor is of one":     {at(0, 6, 8), at(0, 7, 5), at(0, 7, 5)},
		"everyone's":               {at(1, 7, 3), at(1, 7, 50), at(1, 7, 50)},
		"everyone's in an earlier": {at(1, 7, 3), at(1, 6, 50), at(1, 7, 3)},
	} {
		if got := further([]proto.Position{test.cursor}, []proto.Position{test.received}, inbox); len(got) != 1 || got[0] != test.want {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := further(nil, []proto.Position{at(0, 7, 5), at(1, 2, 8)}, inbox); len(got) != 2 {
		t.Errorf("without cursors: %+v", got)
	}
}
