package ledger

import (
	"slices"
	"strings"
	"testing"
)

// A run that ends before everything is healed says so. No message counts as lost,
// because nothing had settled. Violations that no later record can change stay.
func TestRunThatIsCutShortLosesNothing(t *testing.T) {
	whole := good()
	open := whole[:len(whole)-1] // not quiet
	open = open.without(open.find(bob, "phone", "b"))
	tests := map[string]struct {
		book       book
		unsettled  int
		short      string
		violations int
	}{
		"told":             {open.with(Record{Kind: CutShort, Note: "no heal"}), 1, "no heal", 0},
		"the file ends":    {open, 1, "before all was quiet", 0},
		"a double":         {open.with(shown(bob, "phone", "c", bob, 9)), 1, "before all was quiet", 1},
		"when it is quiet": {whole.with(Record{Kind: CutShort, Note: "no audit"}), 0, "no audit", 0},
		"a loss, quiet":    {open.with(Record{Kind: Quiet}, Record{Kind: CutShort, Note: "no audit"}), 0, "no audit", 1},
		"not at all":       {whole, 0, "", 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			j := NewJudge()
			for _, r := range test.book {
				if r.Time = 1; r.Kind == Quiet {
					r.Time = 2
				}
				j.Hear(r)
			}
			v := j.Verdict()
			if v.Violations() != test.violations || v.Unsettled != test.unsettled || !strings.Contains(v.CutShort, test.short) || (v.CutShort == "") != (test.short == "") {
				t.Errorf("violations %v, unsettled %d, cut short for %q", v.Kinds, v.Unsettled, v.CutShort)
			}
		})
	}
}

// A fault that was asked for and never began is reported, unless the machine could not
// play it.
func TestFaultThatNeverBeganIsToldAsNotPlayed(t *testing.T) {
	b := slices.Clone(good())
	b[0].Faults = []string{"node-kill", "zk-stop", "gossip-cut", "route-kill"}
	b = b.with(
		Record{Kind: Broken, Fault: "node-kill"}, Record{Kind: LeftOut, Fault: "gossip-cut", Note: "no root"},
		Record{Kind: Missed, Fault: "zk-stop", Note: "no answer"},
	)
	v := judge(b)
	if want := []string{"route-kill", "zk-stop"}; !slices.Equal(v.NotPlayed, want) {
		t.Errorf("not played %v, want %v", v.NotPlayed, want)
	}
	var out strings.Builder
	if err := v.Print(&out); err != nil || !strings.Contains(out.String(), "route-kill, zk-stop (no answer)") {
		t.Errorf("%v: %s", err, &out)
	}
}
