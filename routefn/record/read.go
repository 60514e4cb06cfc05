package record

import (
	"context"
	"fmt"
	"slices"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/routefn/record/logref"
	"github.com/cim-go/cim/routefn/record/op"
)

// exportBytes bounds one read of a log, in bytes. The answer may exceed it by one
// entry.
const exportBytes = 64 << 10

// LogPart names a piece of a log: the entries behind the position After. The log is the
// inbox of User, or the log of the group After.Log if User is zero.
type LogPart struct {
	User  int64
	After proto.Position
}

// ReadLogs reads pieces of logs. It returns one Pulled for each, with at most
// proto.MaxPull entries and some 64 KiB. Unlike Pull, it checks no membership, reads a
// group's whole log, and also returns entries that replicas may not have yet. A log that
// does not exist counts as empty, and is not made.
func (s *Store) ReadLogs(ctx context.Context, parts []LogPart) ([]Pulled, error) {
	list := make([]Pulled, 0, len(parts))
	for chunk := range slices.Chunk(parts, op.MaxPipeline) {
		ops := make([]*op.Op, len(chunk))
		for i, p := range chunk {
			ops[i] = p.log().Script(pullScript, max(0, p.After.Number), p.After.Epoch.String(), p.After.Key, proto.MaxPull, exportBytes, "", false, 0, "", "")
			ops[i].Write = false
		}
		s.Run(ctx, "pull", ops...)
		for i, o := range ops {
			l := chunk[i].log()
			switch {
			case o.Err != nil:
				return nil, fmt.Errorf("read log %s: %w", l.Tag(), o.Err)
			case o.NoLog():
				list = append(list, Pulled{})
				continue
			}
			p, err := pulled(l, o.Reply, chunk[i].After)
			if err != nil {
				return nil, err
			}
			list = append(list, p)
		}
	}
	return list, nil
}

func (p LogPart) log() logref.Ref {
	if p.User != 0 {
		return logref.Ref{User: p.User}
	}
	return logref.Ref{Group: p.After.Log}
}
