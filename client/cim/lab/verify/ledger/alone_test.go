package ledger

import "testing"

// While no replica hears the primary nothing is accepted, where that needs one.
func TestAcceptedWithoutAReplica(t *testing.T) {
	ack := func(level string) book {
		b := joined()
		b[0].Ack = level
		return b
	}
	broken := Record{Kind: Broken, Fault: "replica-pause", Alone: 4}
	healed := Record{Kind: Healed, Fault: "replica-pause"}
	both := book{sent("a", bob), told(Accepted, "a")}
	shows := book{shown(bob, "phone", "a", bob, 1), shown(alice, "laptop", "a", bob, 1)}
	tests := map[string]struct {
		book book
		want int
	}{
		"in the middle":              {ack(AckReplica).with(broken).with(both...).with(shows...).with(healed), 2},
		"by the primary":             {ack("").with(broken).with(both...).with(shows...).with(healed), 0},
		"sent before":                {ack(AckReplica).with(both[0], broken, both[1]).with(shows...).with(healed), 0},
		"shown before it is over":    {ack(AckReplica).with(broken, both[0]).with(shows...).with(healed, both[1]), 2},
		"accepted and shown behind":  {ack(AckReplica).with(broken, both[0], healed, both[1]).with(shows...), 0},
		"healed nobody knows when":   {ack(AckReplica).with(broken).with(both...).with(healed).with(shows...), 0},
		"after it, in the same book": {ack(AckReplica).with(broken).with(shows[:0]...).with(healed).with(both...).with(shows...), 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if v := judge(test.book); v.Kinds["alone"] != test.want || v.Violations() != test.want {
				t.Errorf("the judge says %v", v.Kinds)
			}
		})
	}
}
