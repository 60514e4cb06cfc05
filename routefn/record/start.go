package record

import (
	"context"
	"fmt"
	"strings"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
	"github.com/cim-go/cim/routefn/record/rows"
)

// startField is the field of a user's hash that has the position at which everyone's log
// ended when the account was made. The user may read the entries after that position.
const startField = "everyone"

// startOf returns where a user begins in everyone's log. The number is zero if the user
// may read all of it.
func (s *Store) startOf(ctx context.Context, user int64) (proto.Position, error) {
	if at, known := s.starts.Get(user); known {
		return at, nil
	}
	hash := logref.Ref{User: user}.Hash()
	o := op.Read(hash, []any{"hget", hash, startField})
	s.Run(ctx, "pull", o)
	if o.Err != nil {
		return proto.Position{}, fmt.Errorf("begin of user %d: %w", user, o.Err)
	}
	at := proto.Position{Log: proto.Everyone}
	if f := strings.SplitN(op.Text(o.Reply[0]), " ", 3); len(f) == 3 {
		at.Epoch, at.Number, at.Key = rows.ParseEpoch(f[0]), op.Integer(f[1]), f[2]
	}
	s.starts.Put(user, at)
	return at, nil
}
