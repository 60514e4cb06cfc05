package node

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/cim-go/cim/proto"
)

// A node asks when the route wants to be asked and at least once a second or so,
// never twice at a time, and goes on when no route answers.
func TestNodeAsksToFireAboutOnceASecond(t *testing.T) {
	answer := func(ms int64) (*proto.FireAnswer, error) { return &proto.FireAnswer{Next: ms}, nil }
	for name, c := range map[string]struct {
		fire        func(*proto.FireRequest) (*proto.FireAnswer, error)
		least, most int // calls in a minute
	}{
		"nothing is due":       {func(*proto.FireRequest) (*proto.FireAnswer, error) { return answer(900) }, 59, 68},
		"soon":                 {func(*proto.FireRequest) (*proto.FireAnswer, error) { return answer(200) }, 270, 305},
		"route says nonsense":  {func(*proto.FireRequest) (*proto.FireAnswer, error) { return answer(-5) }, 1000, 1200},
		"route says too late":  {func(*proto.FireRequest) (*proto.FireAnswer, error) { return answer(1 << 40) }, 53, 61},
		"no route answers":     {func(*proto.FireRequest) (*proto.FireAnswer, error) { return nil, errAway }, 55, 125},
		"route takes its time": {func(*proto.FireRequest) (*proto.FireAnswer, error) { time.Sleep(5 * time.Second); return answer(900) }, 9, 11},
	} {
		t.Run(name, inBubble(func(t *testing.T) {
			w := start(t, nil)
			w.route.set(func(s *script) { s.fire = c.fire })
			time.Sleep(time.Minute)
			synctest.Wait()
			w.route.set(func(s *script) {
				if n := len(s.fires); n < c.least || n > c.most {
					t.Errorf("asked %d times in a minute, want %d to %d", n, c.least, c.most)
				}
				if s.fires[0].Origin.GetNode() != nodeID {
					t.Errorf("asked as %v", s.fires[0].Origin)
				}
			})
		}))
	}
}
