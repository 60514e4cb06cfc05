package record

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/pass"
)

// If a refresh token is used again within RefreshGrace of its first use, it gets the same
// successor. Two tabs may use one token at once, or a network may repeat a request. No
// client waits for an answer for longer than RefreshGrace.
const RefreshGrace = 10 * time.Second

// RefreshPass has the values of a refresh token. The store checks them.
type RefreshPass struct {
	User       int64
	Device     string
	Number     int64 // number of the login with which the token's chain began
	Generation int64
	ID         uint64
	Expires    int64 // ms since 1970, by the store's clock
}

// Refreshed is the result of Refresh.
type Refreshed struct {
	Time       int64 // ms since 1970, by the store's clock
	Generation int64 // generation of the successor
	Used       int64 // when the token was first used; zero: longer ago than RefreshGrace, so the token needs another successor
}

// Refresh uses a refresh token and returns what its successor needs.
//
// Each use of a token of the current generation makes the next generation the current
// one. The answer to a use may be lost. So the token that was used last may be used
// again, until its successor is used. Within RefreshGrace it gets the same successor, and
// later another one. Successors of one token differ by their ids. After one of them was
// used, the others are no longer valid. For any other token of an earlier generation, the
// error is ErrReplayed. There is one exception. Within RefreshGrace of the last use, the
// predecessor of the token that was used last gets ErrUnavailable. A refusal changes
// nothing. A token of a generation above the current one is valid, because a failover
// must have lost the uses in between.
//
// A device has at most four chains of refresh tokens, one per login. If another one
// begins, the chain that was used longest ago ends, and the error for its tokens is
// ErrVoid. If the user's rate of refreshes is used up, the error is ErrLimited. Further
// errors are ErrNoUser, ErrInvalid, ErrUnavailable and ErrUnknown. Repeating it is
// harmless.
func (s *Store) Refresh(ctx context.Context, p RefreshPass) (Refreshed, error) {
	return s.refresh(ctx, p, RefreshGrace)
}

func (s *Store) refresh(ctx context.Context, p RefreshPass, grace time.Duration) (Refreshed, error) {
	if err := op.CheckNames(p.Device); err != nil {
		return Refreshed{}, fmt.Errorf("refresh token of %d: %w", p.User, err)
	}
	l := logref.Ref{User: p.User}
	o := l.HashScript(refreshScript, append([]any{
		p.Device, p.Number, p.Expires, p.Generation, strconv.FormatUint(p.ID, 16), grace.Milliseconds(), againTime.Milliseconds(),
	}, pass.RateArgs(s.limits.Refreshes)...)...)
	s.onLogs(ctx, "refresh", []logref.Ref{l}, []*op.Op{o})
	if err := cmp.Or(o.Err, pass.RefusalOf(o), refreshRefusal(o)); err != nil {
		return Refreshed{}, fmt.Errorf("refresh token of %d: %w", p.User, err)
	}
	return Refreshed{Time: op.Integer(o.Reply[1]), Generation: op.Integer(o.Reply[2]), Used: op.Integer(o.Reply[3])}, nil
}

// refreshRefusal returns the error for a token that was replaced, or nil.
func refreshRefusal(o *op.Op) error {
	if o.Err != nil {
		return nil
	}
	switch op.Text(o.Reply[0]) {
	case "replayed":
		return ErrReplayed
	case "early":
		return fmt.Errorf("its successor was used a moment ago: %w", ErrUnavailable)
	}
	return nil
}
