package node

import (
	"slices"
	"testing"
	"testing/synctest"

	"github.com/cim-go/cim/proto"
)

// A client that was installed anew counts its messages from 1 again, and marks none of
// them as a repetition.
func TestIDsThatMayNotBeNewAreLookedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t, nil)
		stands := map[string]proto.SendResult{"1": {Repeated: true}, "2": {Code: int32(proto.IDReused)}}
		w.route.set(func(s *script) {
			s.send = func(r *proto.SendRequest) (*proto.SendAnswer, error) {
				answer := new(proto.SendAnswer)
				for _, item := range r.Items {
					answer.Items = append(answer.Items, &proto.SendResult{
						Code: stands[item.Id].Code, Repeated: stands[item.Id].Repeated,
					})
				}
				return answer, nil
			}
		})
		p := w.login(t, 1, 5)
		say := func(id string, code proto.Code) {
			t.Helper()
			p.write(t, send(id))
			wantAnswer(t, p, id, code)
		}
		say("1", proto.OK)
		say("2", proto.IDReused)
		say("3", proto.OK)
		say("4", proto.OK)
		say("3", proto.OK)
		say("5", proto.OK)
		q := w.login(t, 1, 6) // the same user on another device
		for _, id := range []string{"6", "4", "7"} {
			q.write(t, send(id))
			wantAnswer(t, q, id, proto.OK)
		}
		var got []string
		for _, r := range w.route.sends {
			got = append(got, ids(r)...)
		}
		if want := []string{"1*", "2*", "3*", "4", "3*", "5", "6*", "4*", "7"}; !slices.Equal(got, want) {
			t.Errorf("handed on %q, want %q", got, want)
		}
	})
}
