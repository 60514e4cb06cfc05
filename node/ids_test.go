package node

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/cim-go/cim/proto"
)

// A client that was installed anew and counts its messages from 1 again says of all
// of them that they are first tries.
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
		for i := range rememberedIDs {
			say(fmt.Sprint("x", i), proto.OK)
		}
		say("4", proto.OK)
		var got []string
		for _, r := range w.route.sends {
			got = append(got, ids(r)...)
		}
		got = slices.DeleteFunc(got, func(id string) bool { return strings.HasPrefix(id, "x") && !strings.HasSuffix(id, "*") })
		if want := []string{"1*", "2*", "3*", "4", "3*", "4"}; !slices.Equal(got, want) {
			t.Errorf("handed on %q, want %q", got, want)
		}
	})
}
