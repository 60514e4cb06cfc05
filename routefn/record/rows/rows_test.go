package rows

import (
	"reflect"
	"slices"
	"testing"

	"github.com/cim-go/cim/proto"
)

var phone = Session{Device: "phone", Number: 12, Boot: 0xfedcba9876543210, Node: "n1", Addr: "10.0.0.1:80"}

const phoneLine = "phone\t12\tfedcba9876543210\tn1\t10.0.0.1:80"

func TestEpochsAndBootsAreHexadecimal(t *testing.T) {
	if e := ParseEpoch(proto.Epoch(0xfedcba9876543210).String()); e != 0xfedcba9876543210 {
		t.Errorf("epoch %v", e)
	}
	if b := parseBoot(BootText(7)); b != 7 {
		t.Errorf("boot %d", b)
	}
	if e, b := ParseEpoch(""), parseBoot("none"); e != 0 || b != 0 {
		t.Errorf("other texts are read as %v and %d", e, b)
	}
}

func TestLinesOfAnotherFormAreNoSessions(t *testing.T) {
	if s := ParseSession(phoneLine); s == nil || *s != phone {
		t.Errorf("read %+v", s)
	}
	for _, line := range []string{"", "phone", "phone\t12\t7\tn1", phoneLine + "\tmore"} {
		if s := ParseSession(line); s != nil {
			t.Errorf("%q is read as %+v", line, s)
		}
	}
	if list := ParseSessions("\n" + phoneLine + "\nbroken\n" + phoneLine); !slices.Equal(list, []Session{phone, phone}) {
		t.Errorf("read %+v", list)
	}
}

func TestReceivedHasASessionAndPositions(t *testing.T) {
	at := []proto.Position{{Log: 0, Epoch: 1, Number: 2, Key: "3:x"}, {Log: 9, Epoch: 10, Number: 11}}
	const lines = "0\t0000000000000001\t2\t3:x\n9\t000000000000000a\t11\t"
	for text, want := range map[string]*Received{
		phoneLine + "\n" + lines:                 {Session: phone, Through: at},
		phoneLine + "\nleft\t1234\n" + lines:     {Session: phone, Through: at, Left: true},
		phoneLine:                                {Session: phone},
		"no session\n" + lines:                   nil,
		phoneLine + "\nno position\n1\tbroken\t": {Session: phone},
	} {
		if got := ParseReceived(text); !reflect.DeepEqual(got, want) {
			t.Errorf("%q is read as %+v", text, got)
		}
	}
}

func TestLeaseThatEndsLaterCounts(t *testing.T) {
	fields := []any{NoNode, "", "n1", "0000000000000007\tnew:1\t2000", "n2", "0000000000000008\tn2:1\t1000"}
	lines := LeaseLines("n1\t0000000000000006\told:1\t1500\nbroken", fields)
	for now, want := range map[int64][]Lease{
		999:  {{Node: "n1", Boot: 7, Addr: "new:1"}, {Node: "n2", Boot: 8, Addr: "n2:1"}},
		1000: {{Node: "n1", Boot: 7, Addr: "new:1"}},
		2000: nil,
	} {
		if got := ParseLeases(lines, now); !slices.Equal(got, want) {
			t.Errorf("at %d: %+v", now, got)
		}
	}
}

func TestWhoBelongsToAGroup(t *testing.T) {
	for text, want := range map[string]int64{
		"5 0 1 0": 5, // joined by entry 5
		"5 9 1 0": 0, // left by entry 9
		"0 0 0 1": 0, // was removed and never joined here
		"":        0,
		"5 0 1":   0,
	} {
		if got := JoinedAt(text); got != want || Belongs(text) != (want > 0) {
			t.Errorf("%q: joined at %d, belongs %v", text, got, Belongs(text))
		}
	}
	if list := ParseGroups("3\n\nbroken\n1"); !slices.Equal(list, []int64{3, 1}) {
		t.Errorf("groups %v", list)
	}
}
